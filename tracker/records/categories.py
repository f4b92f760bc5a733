"""
What belongs to which category of consent: the one registry, for kinds, questionnaires and measures. Pure.

Everything that comes of a record is of its category: the pain of a day in the daily log is of the daily log.
A questionnaire is of one category as a whole. One that a clinic brings along is of pain or of medication if
all of its scores are, and of mood and daily life otherwise.
"""

from functools import cache

from tracker.access.policy import Category
from tracker.instruments import catalogue, measures

# Of the kinds, responses are missing: each is of the category of its questionnaire.
OF_KIND = {
    "pain": Category.PAIN,
    "daily": Category.MOOD,
    "medication_use": Category.MEDICATION,
    "journal": Category.JOURNAL,
    "practice": Category.MOOD,
    "sleep": Category.MOOD,
    "side_effects": Category.MEDICATION,
    "vitals": Category.TREATMENT,
    "plan": Category.MOOD,
}
OF_INSTRUMENT = {
    "body-map": Category.PAIN,
    "c-ssrs-screener": Category.MOOD,
    "cadss": Category.TREATMENT,
    "cadss-6": Category.TREATMENT,
    "daily-log": Category.MOOD,
    "dvprs": Category.PAIN,
    "esm-evening": Category.MOOD,
    "esm-moment": Category.MOOD,
    "esm-morning": Category.MOOD,
    "gad-2": Category.MOOD,
    "gad-7": Category.MOOD,
    "gcps-r": Category.PAIN,
    "isi": Category.MOOD,
    "pain-nrs": Category.PAIN,
    "pcl-5": Category.MOOD,
    "peg": Category.PAIN,
    "pgic": Category.MOOD,
    "phq-2": Category.MOOD,
    "phq-9": Category.MOOD,
    "promis-29": Category.MOOD,
    "promis-global-10": Category.MOOD,
    "scl-90-r-esm": Category.MOOD,
    "session-dissociation-5": Category.TREATMENT,
    "side-effects": Category.MEDICATION,
    "who-5": Category.MOOD,
    "whodas-2-12": Category.MOOD,
}
# Of measures that come of no questionnaire, by the part of the name before the dot.
OF_PREFIX = {
    "pain": Category.PAIN,
    "daily": Category.MOOD,
    "journal": Category.JOURNAL,
    "dose": Category.MEDICATION,
    "practice": Category.MOOD,
    "sleep": Category.MOOD,
    "side_effect": Category.MEDICATION,
    "vitals": Category.TREATMENT,
}
_OF_FAMILY = {"pain": Category.PAIN, "medication": Category.MEDICATION}


@cache
def of_instrument(code: str) -> Category:
    """Return the category of a questionnaire, whatever its version."""
    if code in OF_INSTRUMENT:
        return OF_INSTRUMENT[code]
    families = {rule.family for form in catalogue.all() if form.code == code for rule in form.scoring.scores}
    return _OF_FAMILY.get(families.pop(), Category.MOOD) if len(families) == 1 else Category.MOOD


@cache
def of_measure(code: str) -> Category:
    """Return the category of a measure: that of the questionnaire or of the record which it comes of."""
    measure = measures.get(code)
    if measure.instrument:
        return of_instrument(measure.instrument)
    return OF_PREFIX[code.partition(".")[0]]


def of_record(kind: str, instrument: str | None = None) -> Category:
    """Return the category of a record; a response is of that of its ``instrument``."""
    return of_instrument(instrument) if kind == "response" and instrument else OF_KIND[kind]
