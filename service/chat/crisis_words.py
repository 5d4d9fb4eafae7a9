"""What the crisis card says where the persona's file says nothing, in the language of the message.

A language tells no country: what stands here is right in most places, and leads to a helpline of the reader's own.
"""

from typing import Literal

import msgspec

_PAGE = "https://findahelpline.com"


class Link(msgspec.Struct, frozen=True):
    """Where help is."""

    label: str
    href: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card beside a reply."""

    kind: Literal["crisis"] = "crisis"
    title: str
    text: str
    links: list[Link]


def _card(title: str, text: str, page: str, us: str, emergency: str) -> Card:
    links = [Link(page, _PAGE), Link(us, "tel:988"), Link(f"{emergency} 112", "tel:112"), Link(f"{emergency} 911", "tel:911")]
    return Card(title=title, text=text, links=links)


WORDS = {
    "en": _card(
        "You do not have to be alone with this",
        "If you may harm yourself or are in danger now, please call the emergency number where you are: 112 in Europe and many other "
        "countries, 911 in the United States and Canada. There you can also call or text 988, day and night. In every country there are "
        "people who listen, for free and in confidence: findahelpline.com shows those near you. I am an AI; please talk to one of them.",
        "Find a helpline near you",
        "Call or text 988 (US, Canada)",
        "Emergency",
    ),
    "de": _card(
        "Du musst damit nicht allein sein",
        "Wenn du dir etwas antun könntest oder jetzt in Gefahr bist, ruf bitte den Notruf an deinem Ort: 112 in Europa und vielen anderen "
        "Ländern, 911 in den USA und Kanada. Dort hilft Tag und Nacht auch die 988. In jedem Land gibt es Menschen, die kostenlos und "
        "vertraulich zuhören: findahelpline.com zeigt dir, wo. Ich bin eine KI; bitte sprich mit einem von ihnen.",
        "Hilfe in deiner Nähe finden",
        "988 anrufen (USA, Kanada)",
        "Notruf",
    ),
    "es": _card(
        "No tienes que pasar por esto a solas",
        "Si podrías hacerte daño o estás en peligro ahora, llama al número de emergencias de donde estás: 112 en Europa y muchos otros "
        "países, 911 en Estados Unidos, Canadá y gran parte de América. En Estados Unidos y Canadá también puedes llamar al 988, de día y "
        "de noche. En todos los países hay personas que escuchan, gratis y en confianza: findahelpline.com te dice dónde. Soy una IA; "
        "habla, por favor, con una de ellas.",
        "Encontrar ayuda cerca de ti",
        "Llamar al 988 (EE. UU., Canadá)",
        "Emergencias",
    ),
    "fr": _card(
        "Vous n’avez pas à traverser cela sans aide",
        "Si vous risquez de vous faire du mal ou êtes en danger maintenant, appelez le numéro d’urgence là où vous êtes : le 112 en Europe "
        "et dans beaucoup d’autres pays, le 911 aux États-Unis et au Canada. Là-bas, le 988 répond aussi, jour et nuit. Dans chaque pays, "
        "des personnes écoutent, gratuitement et en toute confidentialité : findahelpline.com vous dit où. Je suis une IA ; parlez à "
        "l’une d’elles, s’il vous plaît.",
        "Trouver de l’aide près de vous",
        "Appeler le 988 (États-Unis, Canada)",
        "Urgences",
    ),
    "ja": _card(
        "ひとりで抱えなくて大丈夫です",
        "自分を傷つけてしまいそうなとき、いま危険なときは、いまいる場所の緊急番号に電話してください。日本では119または110、"
        "ヨーロッパなど多くの国では112、アメリカとカナダでは911です。アメリカとカナダでは988に昼夜いつでも電話できます。"
        "どの国にも、無料で秘密を守って話を聞いてくれる人がいます。findahelpline.com で近くの窓口が見つかります。"
        "わたしはAIです。どうか、その人たちに話してください。",
        "近くの相談窓口を探す",
        "988に電話する（アメリカ、カナダ）",
        "緊急",
    ),
    "zh": _card(
        "你不必独自承受这一切",
        "如果你可能伤害自己，或者现在有危险，请拨打你所在地的紧急电话：中国大陆110或120，欧洲和许多国家112，美国和加拿大911。"
        "在美国和加拿大也可以随时拨打988。每个国家都有人愿意免费、保密地倾听：findahelpline.com 可以找到离你最近的热线。"
        "我是人工智能；请和他们谈一谈。",
        "查找附近的求助热线",
        "拨打988（美国、加拿大）",
        "紧急电话",
    ),
    "ar": _card(
        "لست مضطرًا لمواجهة هذا وحدك",
        "إذا كنت قد تؤذي نفسك أو كنت في خطر الآن، فاتصل برقم الطوارئ في مكانك: 112 في أوروبا وكثير من البلدان، و911 في الولايات المتحدة "
        "وكندا. وهناك يمكنك أيضًا الاتصال بالرقم 988 ليلًا ونهارًا. في كل بلد أشخاص يستمعون إليك مجانًا وبسرية: يدلك موقع findahelpline.com "
        "على الأقرب إليك. أنا ذكاء اصطناعي؛ تحدث معهم من فضلك.",
        "ابحث عن خط مساعدة قريب منك",
        "اتصل بالرقم 988 (الولايات المتحدة وكندا)",
        "طوارئ",
    ),
}
"""The card of each language."""
