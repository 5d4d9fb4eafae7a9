"""The words in which people dictate, by language, as patterns over folded text (small letters, NFKC, `ss` for the German sharp s)."""

from typing import NamedTuple

QUOTE = r"(?:[\"“”„«»‹›‚‘]|'(?=\w))"


class Tongue(NamedTuple):
    """One language. All but `further` are alternatives of a pattern in `dictation`; where a list is empty, its pattern is left out.

    `softened` may stand between the beginning of a clause and its verb. `say`, `answer` and `repeat` are verbs as an order has them, and
    `filler` may follow them. `exactly` asks for the very words, unless one of `unless` comes next ('say exactly what you think').
    `only` allows nothing else, `using` joins it to what is allowed. `content` announces words of one's own, `mine` means them, `short` is
    a reply in a word, `after_me` asks for an echo, `nothing_else` stands behind the words, and `into` behind a quotation that is to be
    translated or passed on. `begin` asks for how replies are to begin or end. `further` are whole patterns, and `others` words: every
    order has one of them, or one of the three kinds of verbs.
    """

    softened: str
    say: str
    answer: str
    repeat: str
    filler: str
    exactly: str
    unless: str
    only: str
    using: str
    content: str
    mine: str
    short: str
    after_me: str
    nothing_else: str
    into: str
    begin: str
    others: str
    further: tuple[str, ...] = ()


ENGLISH = Tongue(
    softened=r"please|pls|now|just|then|so|simply|always|ok|okay|hey|hi|well|kindly|next|first|also|again|yes|no|come on|go ahead and"
    r"|from now on|from here on|for me|let'?s|try to|remember to|(?:can|could|would|will) you|i'd like you to|make sure (?:that )?you"
    r"|(?:\w+ )?you (?:must|shall|should|will|may|can|have to|need to|are to)(?: only| just| always)?|your (?:only )?(?:task|job) is to"
    r"|(?:i|we) (?:want|need|order|command|tell|ask|beg|would like) you to|(?:ignore|forget|disregard) [^.!?\n]{1,60} and",
    say="say|write|type|print|output|echo|recite|quote|utter",
    answer="answer|reply|respond",
    repeat="repeat|copy|echo|parrot|recite|mirror",
    filler="please|back|this|it|me|to me|to this|to that|to everything|(?:to )?all questions|(?:to )?every question|out|out loud|aloud|now"
    "|everything|every message|all messages|and paste",
    exactly="exactly|verbatim|word[- ]for[- ]word|letter[- ]for[- ]letter|literally|precisely",
    unless=r"what(?! i\b)|how|why|when|where|who|which|that\b(?!:)|as (?:you|it|they|he|she)\b|one\b|right|not"
    "|the (?:right|same|opposite|thing)",
    only="only|just|solely|exclusively|nothing but|nothing else but|nothing else than|nothing other than|no more than",
    using="with",
    content=r"the following|th(?:is|ese) (?:exact )?(?:\w+ )?(?:words?|phrases?|sentences?|text|lines?|message)|this(?=\s*:)|exactly this"
    r"|the (?:exact |single |one |following )?(?:words?|phrase|sentence|text|line)\b(?! and\b)",
    mine=r"(?:exactly )?(?:what|whatever|everything|all that|the words|the sentence|the text)(?: that)? i (?:just )?(?:say|write|type|tell"
    r"|said|wrote|typed|dictate|am)|my (?:exact )?(?:words|sentence|message|text|last message)",
    short=r"(?:yes|no|ok|okay|true|false)\b(?! to\b)",
    after_me=r"(?:this |it |that |these words |the words )?(?:after me|along with me|with me)\b",
    nothing_else=r"and (?:absolutely )?nothing (?:else|more)|and only that|without (?:adding|changing) anything",
    into="in|into|to",
    begin=r"(?:start|begin|end|finish|open|close|prefix) (?:your|every|each|all|all your|all of your) (?:\w+ )?"
    r"(?:answers?|reply|replies|responses?|messages?|sentences?) with\b",
    others="start begin end finish open close prefix give send tell reply response message output",
    further=(
        r"\byour (?:\w+ )?(?:answer|reply|response|message|output) (?:must|should|shall|has to|needs to|will|is to|may) (?:only |just )?"
        r"(?:be|read|say|consist of|contain|start with|begin with) (?:exactly|only|just|nothing but"
        rf"|the (?:exact )?(?:words?|phrase|sentence)|{QUOTE})",
        r"\bthe only (?:words?|thing) (?:that )?you (?:can|may|will|should|must|are allowed to) (?:say|write|answer|reply)\b",
        r"(?:^|[.!?;:,]\s*)(?:please )?(?:don't|do not) (?:say|write|(?:reply|answer|respond) with) anything (?:else|but|except|other)\b",
        rf"\b(?:let me hear|i want to hear) you say\s*(?::\s*\S|{QUOTE})",
        r"(?:^|[.!?;:,]\s*)(?:please )?(?:give|send|tell) me (?:back )?(?:only|exactly|nothing but) "
        rf"(?:{QUOTE}|the words?\b|this (?:sentence|text|word))",
        r"(?:^|[.!?;:,]\s*)(?:please )?(?:output|print|return) (?:only|just|nothing but|the following|exactly)\b",
    ),
)

GERMAN = Tongue(
    softened="bitte|jetzt|nun|mal|doch|einfach|immer|ab jetzt|ab sofort|von nun an|ok|okay|also|so|und|dann|hallo|hey"
    r"|du (?:sollst|musst|darfst|wirst)(?: nur)?|(?:kannst|könntest|würdest) du|ich (?:will|möchte),? dass du",
    say="sage?|sagen sie|sag's|schreibe?|schreiben sie|tippe?|gib",
    answer="antworte|antworten sie|erwidere",
    repeat="wiederhole?|wiederholen sie|kopiere?|sprich|sprechen sie|sage?|sagen sie",
    filler="bitte|jetzt|mal|doch|einfach|das|es|dies|immer|mir|auf alles|darauf|auf jede frage|auf alle fragen|auf diese frage",
    exactly="genau|exakt|wörtlich|wortwörtlich|wort für wort|buchstabe für buchstabe",
    unless=r"was(?! ich)|wie|wo|wann|warum|wieso|wer|wen|wem|welche|ob|wohin|woher|auf\b|das richtige|dasselbe|so(?! )",
    only="nur|ausschliesslich|lediglich|nichts als|nichts anderes als|nichts ausser|einzig",
    using="mit",
    content=r"das wort|die worte|die wörter|den (?:folgenden )?(?:satz|text)|diesen satz|diesen text|diese worte|folgende[ns]?|das folgende"
    r"|dies(?=\s*:)",
    mine=r"meine worte|meinen satz|meine nachricht|(?:genau |alles,? )?was ich (?:sage|schreibe|dir|jetzt|gerade)",
    short=r"(?:ja|nein|ok|okay)\b",
    after_me=r"(?:es |das |bitte )*mir (?:bitte |es )?nach\b(?! \w*(?:möglich|her))",
    nothing_else=r"und (?:sonst nichts|nichts (?:anderes|weiter|sonst))",
    into="auf|zu",
    begin=r"(?:beginne?|beende|starte) (?:jede|deine|alle)\w* (?:\w+ )?(?:antwort|sätze|nachricht)\w* (?:immer )?mit\b",
    others="beginn beginne beende start starte antwort",
    further=(
        rf"\bdeine antwort (?:muss|soll|darf) (?:nur |genau )?(?:nur|ausschliesslich|genau|{QUOTE}|aus (?:dem|den) wort)",
        r"(?:^|[.!?;:,]\s*)(?:bitte )?gib (?:bitte )?(?:nur|genau|wörtlich|folgende)[^.!?\n]{0,80}\b(?:aus|wieder|zurück)\b",
        r"\bwiederhole?,? was ich\b",
    ),
)

FRENCH = Tongue(
    softened=r"s[’']il (?:te|vous) plaît|stp|maintenant|alors|juste|simplement|désormais|toujours|et|puis|bonjour|salut"
    r"|(?:tu|vous) (?:dois|devez|vas|allez)|peux-tu|pourrais-tu|pouvez-vous|pourriez-vous|je veux que (?:tu|vous)",
    say="dis|dites|dire|écris|écrivez|écrire|affiche|tape",
    answer="réponds|répondez|répondre",
    repeat="répète|répétez|répéter|recopie|recopiez|copie|dis|dites",
    filler=r"s[’']il (?:te|vous) plaît|stp|maintenant|juste|simplement|toujours|à tout|à chaque question|à toutes les questions",
    exactly="exactement|mot pour mot|mot à mot|textuellement|littéralement|précisément",
    unless="ce qu(?!e je)|où|quand|comment|pourquoi|qui|quel|combien|la même|comme",
    only="uniquement|seulement|rien que|rien d['’]autre que|exclusivement|juste",
    using="par|avec",
    content=r"le mot|les mots|la phrase|cette phrase|ces mots|ce qui suit|le texte suivant|ceci(?=\s*:)",
    mine=r"mes mots|ma phrase|mon message|(?:tout |exactement )?ce que je",
    short=r"(?:oui|non|ok)\b",
    after_me=r"(?:\w+ )?(?:après moi|avec moi)\b",
    nothing_else=r"et rien d['’]autre|et rien de plus",
    into="en|à",
    begin=r"(?:commence|termine|finis) (?:tes|ta|toutes tes|chaque|chacune de tes) (?:réponses?|messages?|phrases?) par\b",
    others="commence termine finis",
)

SPANISH = Tongue(
    softened="por favor|ahora|simplemente|siempre|a partir de ahora|desde ahora|y|entonces|hola|puedes|podrías|tienes que|debes|quiero que",
    say="di|diga|decir|escribe|escriba|escribir|imprime|teclea",
    answer="responde|responda|responder|contesta|conteste",
    repeat="repite|repita|repetir|copia|copie|di|diga",
    filler="por favor|ahora|siempre|esto|a todo|a todas las preguntas|a cada pregunta",
    exactly="exactamente|palabra por palabra|textualmente|literalmente",
    unless="qué|lo que (?!yo|digo|te digo|escribo)|cómo|como|dónde|cuándo|por qué|quién|cuál|cuánt",
    only="únicamente|solo|sólo|solamente|nada más que|nada mas que|exclusivamente",
    using="con",
    content=r"la palabra|las palabras|la frase|esta frase|estas palabras|lo siguiente|el siguiente texto|la siguiente frase|esto(?=\s*:)",
    mine=r"mis palabras|mi frase|mi mensaje|(?:todo |exactamente )?lo que (?:yo )?(?:digo|diga|te digo|escribo|escriba)",
    short=r"(?:sí|si|no|vale)\b(?=\s*(?:[.!?,\"]|o |$))",
    after_me=r"(?:\w+ )?(?:después de mí|detrás de mí|tras de mí|conmigo)",
    nothing_else="y nada más",
    into="en|a",
    begin=r"(?:empieza|comienza|termina) (?:todas |cada una de )?(?:tus |cada )(?:respuestas?|mensajes?|frases?) con\b",
    others="empieza comienza termina",
)

PORTUGUESE = Tongue(
    softened="por favor|agora|simplesmente|sempre|a partir de agora|e|então|olá|você (?:deve|pode|tem que)|quero que você|pode|podes",
    say="diz|diga|escreve|escreva|imprima",
    answer="responde|responda",
    repeat="repete|repita|copia|copie",
    filler="por favor|agora|sempre|isto|isso|a tudo|a todas as perguntas",
    exactly="exatamente|palavra por palavra|textualmente|literalmente",
    unless="o que(?! eu)|como|onde|quando|por que|quem|qual|quanto",
    only="somente|apenas|só|unicamente|nada além de|nada mais que|exclusivamente",
    using="com",
    content=r"a palavra|as palavras|a frase|esta frase|essa frase|o seguinte|o texto seguinte|isto(?=\s*:)",
    mine=r"as minhas palavras|minhas palavras|minha frase|(?:tudo |exatamente )?o que eu",
    short=r"(?:sim|não)\b",
    after_me=r"(?:\w+ )?(?:depois de mim|comigo)\b",
    nothing_else="e nada mais",
    into="em|para|a",
    begin=r"(?:comece|começa|termine|termina) (?:todas |cada uma d)?(?:as )?(?:tuas |suas |cada )(?:respostas?|mensagens?|frases?) com\b",
    others="comece começa termine termina",
)

ITALIAN = Tongue(
    softened="per favore|ora|adesso|semplicemente|sempre|d'ora in poi|e|allora|ciao|devi|puoi|potresti|voglio che tu",
    say="di'|di’|dì|dimmi|dica|scrivi|scriva|stampa",
    answer="rispondi|risponda",
    repeat="ripeti|ripeta|ripetere|copia",
    filler="per favore|ora|adesso|sempre|a tutto|a ogni domanda",
    exactly="esattamente|parola per parola|letteralmente|testualmente",
    unless="cosa|quello che (?!dico)|ciò che (?!dico)|come|dove|quando|perché|chi|quale|quanto",
    only="solo|soltanto|solamente|unicamente|nient['’]altro che|esclusivamente",
    using="con",
    content=r"la parola|le parole|la frase|questa frase|queste parole|quanto segue|il testo seguente|questo(?=\s*:)",
    mine=r"le mie parole|la mia frase|(?:tutto |esattamente )?(?:quello|ciò) che dico",
    short=r"(?:sì|no)\b(?=\s*(?:[.!?,\"]|o |$))",
    after_me=r"(?:\w+ )?(?:dopo di me|con me)\b",
    nothing_else="e nient['’]altro|e basta",
    into="in|a",
    begin=r"(?:inizia|comincia|termina) (?:tutte le tue |ogni |ogni tua |le tue )(?:rispost[ae]|messaggi\w?|fras[ei]) con\b",
    others="inizia comincia termina",
)

DUTCH = Tongue(
    softened="alsjeblieft|nu|gewoon|altijd|vanaf nu|en|dan|hoi|hallo|je moet|kun je|wil je|ik wil dat je",
    say="zeg|schrijf|typ|print",
    answer="antwoord|reageer",
    repeat="herhaal|kopieer|zeg",
    filler="alsjeblieft|nu|gewoon|altijd|eens|dit|op alles|op elke vraag",
    exactly="precies|exact|letterlijk|woord voor woord",
    unless="wat(?! ik)|hoe|waar|wanneer|waarom|wie|welke|hetzelfde",
    only="alleen|enkel|uitsluitend|slechts|niets anders dan|niets dan",
    using="met",
    content=r"het woord|de woorden|de zin|deze zin|deze woorden|het volgende|de volgende (?:zin|tekst)|dit(?=\s*:)",
    mine=r"mijn woorden|mijn zin|(?:alles |precies )?wat ik",
    short=r"(?:ja|nee)\b",
    after_me=r"(?:\w+ )?(?:na mij|mij na|me na)\b",
    nothing_else="en (?:verder niets|niets anders)",
    into="in|tegen",
    begin=r"(?:begin|eindig) (?:elk|al je|ieder|je)\w* (?:\w+ )?(?:antwoord|zin|bericht)\w* met\b",
    others="begin eindig",
)

TONGUES = (ENGLISH, GERMAN, FRENCH, SPANISH, PORTUGUESE, ITALIAN, DUTCH)
