"""How people say, in seven languages, that they think of harming themselves.

Only what a person says of themselves counts, and only where the words mean it: `this traffic kills me` is no such thing. Where a phrase
is also a common joke or a common complaint (`I could kill myself`, `me voy a morir`) it is left out. Patterns are matched against the
text as `_plain` leaves it: small letters, no accents, no apostrophes.
"""

import re
import unicodedata

_SPACE = re.compile(r"\s+")
_APOSTROPHES = str.maketrans("", "", "'’‘`´ʼ")
# Accents, the Arabic vowel signs and hamzas on their letters, and the Arabic stroke that only stretches a word.
_MARKS = re.compile("[\u0300-\u036f\u0640\u064b-\u065f\u0670]")
_ARABIC = str.maketrans({"ى": "ي", "ة": "ه"})

# What makes a wish or a plan out of an infinitive.
_EN_WISH = (
    r"(?:want|wanted|wanna|going|gonna|plan|planning|decided|ready|need|trying|tried|urges?|thinking|think|thought|thoughts|considering|"
    r"considered|dream|dreaming|fantasi[sz]e|fantasi[sz]ing|tempted|about|intend)(?: (?:to|of|about|on|just|really|actually|still|"
    r"again)){0,3}"
)
_EN_I = (
    r"\b(?:i|im|ive|id)"
    r"(?: (?:am|have|been|keep|kept|just|really|still|always|often|sometimes|constantly|only|was|do|so|also|honestly)){0,3}"
)
_ES_WISH = (
    r"(?:quiero|quisiera|deseo|pienso(?: en)?|pensando en|pensado en|planeo|planeando|he decidido|decidi|necesito|intente|intento|"
    r"ganas de|"
    r"voy a)"
)
_FR_WISH = (
    r"(?:je (?:veux|voudrais|souhaite|desire|compte|vais|pense a|songe a)|jai (?:tellement |juste |souvent )?(?:envie|decide) de|"
    r"jaimerais|envie de|jai essaye de|jai voulu)"
)
_DE_WISH = (
    r"\bich (?:will|mochte|moechte|wollte|werde|muss)"
    r"(?: (?:nur|noch|einfach|endlich|am liebsten|jetzt|heute|so|manchmal|wirklich|doch|auch|gern|gerne)){0,3}"
)
_DE_HARM = r"(?:umbringen|toten|toeten|erhangen|erhaengen|erschiessen|aufhangen|aufhaengen|ertranken|ertraenken)"
_AR_WISH = (
    r"(?<!لا )(?<!ما )(?<!مش )(?<!مو )(?:اريد|اود|ابغي|ابغا|ابي|بدي|عايز|عاوز|عايزه|عاوزه|نفسي|ارغب في|قررت|ناوي|ناويه|افكر في|بفكر في|"
    r"احاول|حاولت|سوف|رح|راح)(?: ان)?"
)

_PHRASES = {
    "en": (
        _EN_WISH + r" (?:kill|killing|hang|hanging|shoot|shooting|drown|drowning|unalive|end|harm|harming) (?:myself|my ?self)\b",
        r"(?<!dont )(?<!not )(?<!never )\b(?:want|wanna|urges?|going|gonna|feel like|thinking|started|relapsed)(?: (?:to|of|about|and|"
        r"just|really)){0,2}"
        r" (?:cut|cutting|hurt|hurting|burn|burning) myself\b(?! (?:an?|some|off|out|in|on|at|when|while|with|shaving|doing|trying)\b)",
        r"\b(?:hurt|hurting|cut|cutting|burn|burning) myself(?: again)? (?:on purpose|deliberately|to cope|to feel (?:something|"
        r"anything|better))\b",
        r"\bi(?:ve| have| keep|m)(?: (?:been|started|still|again)){0,3} cutting myself(?: again)?(?: *$| *[.!?,;…]| (?:and|but|because|"
        r"every|since)\b)",
        r"\bi(?:m|ve)?(?: (?:want|need|have|been|am|was|to|started|keep|still|thinking|about|relapsed|into|the|an?|urges?|"
        r"again)){0,6} self[- ]?harm(?:ing|ed)?\b"
        r"(?! (?:awareness|prevention|research|recovery|in|among|of)\b)",
        _EN_I + r"(?: (?:want|wanna|going|gonna|wish|ready|wanted|just want)) (?:to |i could )?(?:die|be dead)\b"
        r"(?! (?:of|from|laughing|on the inside|for|in (?:this|that|the) game)\b)",
        _EN_I + r" wish (?:i (?:was|were) dead|i (?:was|were|had) never (?:been )?born|i (?:wouldnt|didnt|dont) wake up)\b",
        r"\b(?:i|id)(?: (?:would|am|be|think|feel|feel like|guess|i|im|id)){0,4} better off dead\b",
        r"\b(?:every(?:one|body)|the world|my family|my kids|my parents|my friends|they|people)(?:(?: (?:would|will|all|is|are|just))|"
        r"d){0,3}"
        r"(?: be)? better off without me\b",
        r"\bi (?:really |just |honestly )?(?:dont|do not|no longer) (?:really |even )?want to (?:live|be alive|exist|go on living|"
        r"keep living)"
        r"(?: (?:anymore|any more|any longer|like this))?(?: *$| *[.!?,;…]| (?:and|but|because)\b)",
        _EN_WISH + r" (?:end|ending|take|taking) (?:my (?:own )?life|it all)\b(?! (?:as|seriously|to the|in a new)\b)",
        _EN_I + r"(?: " + _EN_WISH + r") (?:commit(?:ting)?|attempt(?:ing)?)? ?suicide\b(?! (?:prevention|squad|awareness|bomb\w*|"
        r"rates?|note in|in|hotlines? as)\b)",
        _EN_I + r"(?: (?:feeling|feel|felt|very|pretty|quite|getting|becoming|a bit|kind of|actively|passively)){0,3} suicidal\b"
        r"(?! (?:ideation (?:in|among)|characters?|thoughts (?:in|among)))",
        r"\bi(?:ve|m)?(?: (?:have|had|having|been|am|get|getting|keep|still|lots of|some|these|constant|more and more)){0,4} suicidal"
        r" (?:thoughts?|feelings?|urges?|ideation|ideas)\b(?! (?:in|among)\b)",
        r"\b(?:no reason|nothing(?: left)?|not worth|isnt worth|no point)(?: in| to| for)? (?:live for|go on living|keep living|"
        r"living anymore|being alive)\b",
        r"\bi(?: just| really)? (?:have|see|had) no reason to live(?: *$| *[.!?,;…]| anymore| any more)",
        r"\b(?:gonna|wanna|going to|want to) kms\b(?!-)",
        r"\bi(?:m)?(?: just)? (?:want|wanna|going|gonna|thinking)(?: (?:to|of|about|on)){1,2} (?:overdose|overdosing|"
        r"take all (?:of )?my (?:pills|meds|medication|tablets))\b",
    ),
    "de": (
        _DE_WISH + r" (?:mich|mir)(?: (?:selbst|einfach|endlich|noch|heute)){0,2} " + _DE_HARM + r"\b",
        r"\b(?:dass|wenn|weil|ob|bis) ich mich (?:selbst |einfach )?(?:umbringe|tote|toete|erhange|erhaenge|umbringen (?:will|mochte|"
        r"moechte|werde|muss))\b",
        r"\bich bringe? mich (?:heute |jetzt |selbst |bald )?um\b(?! (?:fur|wenn)\b)",
        r"\bich (?:denke|dachte|uberlege|ueberlege|plane|habe|versuche|versuchte)(?: \w+){0,4},? mich (?:selbst )?(?:umzubringen|"
        r"zu toten|zu toeten|zu erhangen|zu ritzen)\b",
        r"\bmir (?:selbst )?das leben (?:zu )?nehmen\b|\bich (?:nehme|nahme) mir das leben\b",
        _DE_WISH + r" (?:sterben|tot sein|nicht mehr (?:leben|existieren|aufwachen|am leben sein))\b(?! (?:vor|wie|als)\b)",
        r"\bich (?:ware|waere) (?:lieber|am liebsten|besser) tot\b|\bam liebsten (?:ware|waere) ich tot\b",
        r"\bich (?:habe?|hatte|bekomme)(?: \w+){0,2} (?:suizidgedanken|selbstmordgedanken|suizidale gedanken)\b",
        r"\bich (?:bin|fuhle mich|werde)(?: \w+){0,1} (?:suizidal|selbstmordgefahrdet|suizidgefahrdet)\b",
        r"\bich (?:begehe|werde|will|mochte|moechte) (?:heute |jetzt |bald )?(?:selbstmord|suizid)(?: begehen)?(?: *$| *[.!?,;…]| und\b)",
        r"\bich (?:denke|dachte)(?: (?:oft|immer|standig|wieder|manchmal|nur|noch|viel|jeden tag)){0,3} an (?:selbstmord|"
        r"suizid)(?:\b(?!pr|-| als))",
        r"\bich ritze mich\b|\bich verletze mich (?:selbst|absichtlich)\b|" + _DE_WISH + r" mich (?:ritzen|selbst verletzen)\b",
        r"\b(?:alle|die welt|meine familie|meine kinder|meine eltern) (?:ware|waere|waren|waeren|ist|"
        r"sind)(?: \w+){0,1} ohne mich besser dran\b|\bohne mich (?:waren|waeren|sind) (?:alle|sie) besser dran\b",
    ),
    "es": (
        r"(?<!no )\b" + _ES_WISH + r" (?:matarme|suicidarme|ahorcarme|quitarme la vida|cortarme las venas|hacerme dano|lastimarme|"
        r"dejar de existir)\b",
        r"(?<!no )\b(?:quiero|quisiera|deseo|ganas de|solo quiero) (?:morirme|morir|estar muert[oa]|no despertar(?:me)?|"
        r"dejar de vivir)\b(?! (?:de|por|en|alli|aqui)\b)",
        r"(?<!no )\bme (?:quiero|quisiera|voy a) (?:suicidar|ahorcar|quitar la vida|hacer dano)\b|(?<!no )\bme quiero (?:matar|"
        r"morir)\b(?! de\b)",
        r"\b(?:ya )?no quiero (?:seguir viviendo|vivir mas|existir|seguir vivo|seguir viva|vivir)(?: *$| *[.!?,;…]| (?:y|pero|porque|"
        r"mas)\b(?! (?:aqui|en|con)\b))",
        r"\b(?:ojala|quisiera|preferiria|desearia) (?:estar|estuviera) muert[oa]\b|\bojala no hubiera nacido\b",
        r"\b(?:tengo|tuve|he tenido|teniendo|tenia)(?: \w+){0,2} (?:pensamientos|ideas|ideaciones) suicidas?\b",
        r"\b(?:pienso|pensando|he pensado|pense)(?: (?:mucho|seguido|a menudo)){0,1} en (?:el suicidio|suicidarme|matarme)\b(?! como)",
        r"\bme (?:autolesiono|hago dano a mi mism[oa]|corto (?:las venas|los brazos|las munecas))\b",
        r"\b(?:todos|el mundo|mi familia|mis padres|mis hijos) estarian? mejor sin mi\b",
    ),
    "fr": (
        _FR_WISH + r" (?:me (?:tuer|suicider|pendre|faire du mal|foutre en lair|scarifier|mutiler)|mouvrir les veines|"
        r"mettre fin a (?:mes jours|ma vie)|en finir avec la vie)\b",
        r"\b(?:je (?:veux|voudrais|souhaite)|jai (?:tellement |juste |trop )?envie de|jaimerais)(?: (?:juste|seulement|"
        r"simplement))? (?:mourir|etre morte?)\b"
        r"(?! (?:de|dans|pour|en)\b)",
        r"\bje (?:ne )?veux plus (?:vivre|exister|etre en vie)(?: *$| *[.!?,;…]| (?:et|mais|parce|comme ca)\b)",
        r"\bje (?:prefererais|voudrais|serais mieux) (?:etre )?morte?\b(?! de\b)|\bjaurais prefere ne (?:jamais|pas) naitre\b",
        r"\b(?:jai|jai eu|javais|jai souvent|jai encore)(?: \w+){0,2} (?:pensees|idees|envies) suicidaires\b|"
        r"\bje suis(?: \w+){0,1} suicidaire\b",
        r"\bje (?:pense|songe)(?: (?:souvent|beaucoup|encore|tous les jours))? (?:au suicide|a me suicider|a me tuer|"
        r"a en finir)\b(?! comme)",
        r"\bje me (?:scarifie|mutile|taillade)\b|\bje me fais du mal (?:expres|volontairement)\b",
        r"\b(?:tout le monde|ma famille|le monde|mes parents|mes enfants) (?:serait|seraient|irait|iraient)(?: bien)? mieux sans moi\b",
    ),
    "ja": (
        r"(?:死にたい|死んでしまいたい|死んじゃいたい)(?!わけ|ほど|くらい|って(?:言|い)|と(?:言|い)う(?:人|歌|曲|友))",
        r"自殺(?:したい|しよう(?:と思|かな|か)|するしかない|を考えて|してしまいそう|願望がある|未遂をしました|しそう)",
        r"(?:自分|私|わたし|俺|僕)(?:自身)?を(?:殺したい|傷つけたい|傷つけてしま|消してしまいたい)",
        r"消えてしまいたい|この世から(?:消えたい|いなくなりたい)|生きていたくない|もう生きていけない|もう生きたくない|生きるのに疲れ|"
        r"生きている意味がない|生きてる意味がない|生きる意味がわからない",
        r"リストカット(?:してしま|したい|がやめられない|をしてしま)|リスカし(?:たい|てしま|ちゃ)|自傷(?:してしま|したい|がやめられない)",
        r"首を(?:吊りたい|吊ろう|つりたい)|命を(?:絶ちたい|絶とう|断ちたい|断とう)|飛び降りて(?:死|しま|楽に)",
        r"(?:私|俺|僕|わたし|自分)(?:なんか|なんて|は|が)死んだ(?:ほう|方)が(?:まし|マシ|いい|良い|楽)",
    ),
    "zh": (
        r"我(?:真的|真|好|很|只|就|现在|現在|一直|总是|總是|常常|有时|有時|每天|都|也){0,3}想(?:要|去)?(?:自杀|自殺|死掉|去死|寻死|尋死|轻生|輕生|割腕|上吊|"
        r"结束(?:自己的?|我的?)?生命|結束(?:自己的?|我的?)?生命|了结自己|了結自己|伤害自己|傷害自己)",
        r"(?<!不)(?:我|好|真的?|只)(?:就|只|真的|很|好|现在|現在|都)?想死(?![你妳他她它您我的吃喝看去])",
        r"我[^,.!?。、;]{0,4}(?:要|打算|准备|準備|考虑|考慮|试过|試過|计划|計劃|决定|決定)(?:去)?(?:自[杀殺]|轻生|輕生|结束生命|結束生命)",
        r"我[^,.!?。、;]{0,6}自[杀殺]的?(?:念头|念頭|想法|冲动|衝動)",
        r"我?不想(?:再)?活(?:了|下去)|我[^,.!?。、;]{0,4}活不下去|我[^,.!?。、;]{0,3}(?:自残|自殘|割腕)",
        r"(?:我)?(?:不如|要是|如果|还是|還是)我?死了(?:算了|就好了|一了百了|更好)|活(?:着|著)(?:没有?|沒有?)(?:意思|意义|意義)",
        r"(?:没有?|沒有?)我(?:大家|他们|他們|家人|世界)(?:会|會)(?:更好|过得更好|過得更好)",
    ),
    "ar": (
        _AR_WISH + r" (?:اقتل نفسي|انتحر|الانتحار|انهي حياتي|انهاء حياتي|قتل نفسي|ايذاء نفسي|اوذي نفسي|اجرح نفسي|اشنق نفسي|بالانتحار)\b",
        r"(?<!لا )(?<!ما )(?<!مش )(?<!مو )\b(?:اريد|ابغي|ابي|بدي|عايز|عاوز|عايزه|عاوزه|نفسي)(?: ان)? (?:اموت|الموت)\b(?! (?:من|في|علي|"
        r"عليك|فيك)\b)",
        r"\b(?:ساقتل نفسي|سانتحر|هنتحر|سانهي حياتي)\b",
        r"(?<!لا )\b(?:ا|ب)فكر(?: (?:كثيرا|دائما|احيانا))?(?: في)? ?(?:ب)?الانتحار\b(?! ك)",
        r"\b(?:لا اريد|لم اعد اريد|ما ابي|ما ابغي|مش عايز|مش عاوز|ما بدي)(?: ان)? (?:اعيش|العيش|الحياه)(?: *$| *[.!?,;،؟…]| (?:بعد الان|"
        r"لكن)\b)",
        r"\bليتني (?:مت|ميت|ميته|لم اولد)\b|\bاتمني (?:الموت|ان اموت|لو اموت|لو مت)\b",
        r"\b(?:لدي|عندي|تراودني|تاتيني) افكار انتحاريه\b",
        r"\b(?:الجميع|الكل|عائلتي|اهلي) (?:سيكون|سيكونون|بيكون|افضل)(?: افضل| احسن)? (?:من دوني|بدوني)\b",
    ),
}
_LATIN = {"en", "de", "es", "fr"}
_KNOWN = {language: re.compile("|".join(f"(?:{phrase})" for phrase in phrases)) for language, phrases in _PHRASES.items()}


def language_of(message: str) -> str | None:
    """The language in which the message speaks of its writer's harming themselves; None when it does not."""
    plain = _plain(message)
    spoken = _LATIN if plain.isascii() else _KNOWN.keys()
    return next((language for language, phrases in _KNOWN.items() if language in spoken and phrases.search(plain)), None)


def _plain(text: str) -> str:
    """The text in small letters, in one line, without accents and apostrophes, however it was typed."""
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES))
    return _SPACE.sub(" ", unicodedata.normalize("NFC", _MARKS.sub("", apart)).translate(_ARABIC)).strip()
