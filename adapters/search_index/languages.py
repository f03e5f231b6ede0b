"""Cut the endings of words off, in the languages that Snowball knows, and of Hebrew words."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from threading import Lock
from unicodedata import normalize

from Stemmer import Stemmer

from adapters.search_index.folding import fold

# The most frequent words of each language, by which it is recognised. A query need not find them.
# They are listed by script, and folded when they are compared.
_FREQUENT: Mapping[str, Mapping[str, str]] = {
    "a": {
        "en": "the of and to in is was for that it on with he she they at by from me my his "
        "her their we i you be as are were this had have not a an who our",
        "es": "el la los las de del y que en un una por con para se no es al lo su mi me como "
        "fue pero le nos sin sobre este esta yo",
        "fr": "le la les de des du et que en un une pour par avec se ne pas est il elle au aux "
        "je me mon ma qui dans sur ce cette on nous vous ils",
        "pt": "o a os as de do da dos das e que em no na nos um uma por com para se não é "
        "ao seu sua meu minha me foi mas eu ele ela pelo pela",
        "de": "der die das den dem des und in zu von mit ist war für auf nicht ein eine einen "
        "ich er sie es mich mir sich bei wir uns im am dass",
        "it": "il lo la gli le di del della e che in un una per con si non è al da mi mio sono "
        "ha ho nel nella dal dalla i come ma io ci",
        "pl": "i w z na do że się nie jest to za od po przez dla o przy był była mnie mi ten ta "
        "jak ale ze który która ja my",
        "tr": "ve bir bu da de için ile ben bana benden o ne çok gibi daha ama sonra kadar her "
        "olan olarak diye var yok mi",
        "id": "yang dan di ke dari untuk dengan saya itu ini pada tidak ada akan oleh juga "
        "kami mereka dia karena atau bisa sudah kepada",
        "ro": "și în la de cu pe un o nu a că din pentru este mi-a care să ce mai am ai au i "
        "al ale lui mea meu",
    },
    "c": {
        "ru": "и в на с что не за он она я мне меня по к от из у для как это мы они был была "
        "было со его ее но бы же при",
    },
    "r": {
        "ar": "في من على الى عن أن إن هذا هذه التي الذي كان كانت لا ما مع قد و ثم هو هي لي مني",
        "fa": "و در به از که این آن را با برای است بود من ما او می هم تا بر یک شد",
    },
    "d": {
        "hi": "के का की में से ने को है और पर यह वह था थी हैं एक भी नहीं मैं मुझे हम कि लिए तो",
        "ne": "को मा ले र लाई छ हो यो त्यो थियो पनि म हामी भने गरे का की बाट लागि छन् एक",
    },
    "g": {"el": "ο η το οι τα του της των και να σε με για από που δεν είναι ένα μια στο στη"},
    "h": {"he": "של את על לא הוא היא אני זה עם אל כי אם גם מה יש אין היה לי ממני אנחנו"},
    "t": {"ta": "ஒரு என்று இந்த அந்த மற்றும் என் நான் அவர் இது அது"},
    "y": {"hy": "և է որ ի մի այս ես նա են չի համար"},
}
# Words of scripts without spaces that a query need not find.
_PARTICLES = """
    的 了 着 过 吗 呢 在 是 被 把 给 和 与 我 他 她 你 们 之 及 也 都 就
    が を は に で と も の へ た し て から まで より する した された です ます いる ある
    この その
    ที่ ของ ให้ และ ใน ได้ เป็น มี จะ ไป มา ว่า กับ ไม่ การ ผม ฉัน เรา
    သည် က ကို မှ နှင့် တွင် ၏ ที នៅ និង ដែល
"""
_LETTERS = {
    "a": "a-zÀ-ɏḀ-ỿ",
    "c": "Ѐ-ԯ",
    "r": "\u0600-ۿݐ-ݿ",
    "d": "\u0900-ॿ",
    "g": "Ͱ-Ͽἀ-῿",
    "h": "\u0590-\u05ff",
    "t": "\u0b80-\u0bff",
    "y": "\u0530-֏",
}
_SCRIPTS = [(script, re.compile(f"[{letters}]")) for script, letters in _LETTERS.items()]

# Short words have no endings to cut off.
_SHORTEST = 3
_HEBREW = re.compile(r"^[ובהלמשכ]*(?=...)")
_HEBREW_ENDING = re.compile(r"(?<=..)(?:ימ|ות)$")

_by_language = {
    language: frozenset(map(fold, frequent.split()))
    for script in _FREQUENT.values()
    for language, frequent in script.items()
}
_scripts_of = {
    language: script for script, languages in _FREQUENT.items() for language in languages
}
_languages_of: dict[str, list[str]] = {}
for _language, _words in _by_language.items():
    for _word in _words:
        _languages_of.setdefault(_word, []).append(_language)
_NAMES = {
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "pt": "portuguese",
    "de": "german",
    "it": "italian",
    "pl": "polish",
    "tr": "turkish",
    "id": "indonesian",
    "ro": "romanian",
    "ru": "russian",
    "ar": "arabic",
    "fa": "persian",
    "hi": "hindi",
    "ne": "nepali",
    "el": "greek",
    "ta": "tamil",
    "hy": "armenian",
}
_stemmers = {language: Stemmer(name, 0) for language, name in _NAMES.items()}
# A stemmer keeps the word that it works on.
_stemming = Lock()

FREQUENT = frozenset(_languages_of) | frozenset(map(fold, _PARTICLES.split()))
"""The words that say little, folded."""


def spoken(words: Iterable[str]) -> frozenset[str]:
    """Return the languages of a text, of each script those whose frequent words occur most often.

    There are none if it has no frequent words.
    """
    counts = Counter(chain.from_iterable(_languages_of.get(word, ()) for word in set(words)))
    most: dict[str, int] = {}
    for language, count in counts.items():
        script = _scripts_of[language]
        most[script] = max(most.get(script, 0), count)
    return frozenset(one for one, count in counts.items() if count == most[_scripts_of[one]])


ALL = frozenset(_by_language)


@lru_cache(1 << 17)
def stems(word: str, languages: frozenset[str] = ALL) -> tuple[str, ...]:
    """Return the stems of a word, each marked with its language."""
    lower = normalize("NFC", word.lower().replace("i̇", "i"))
    if len(lower) < _SHORTEST:
        return ()
    script = next((script for script, letters in _SCRIPTS if letters.match(lower)), None)
    of_script = [one for one in _FREQUENT.get(script or "", ()) if one in languages]
    folded = fold(lower)
    forms = dict.fromkeys((lower, folded))
    found = (f"{one}_{fold(_stem(one, form))}" for one in of_script for form in forms)
    return tuple(dict.fromkeys(found))


def _stem(language: str, word: str) -> str:
    if language == "he":
        return _HEBREW_ENDING.sub("", _HEBREW.sub("", fold(word)))
    with _stemming:
        stem: str = _stemmers[language].stemWord(word)
    return stem
