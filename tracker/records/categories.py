"""The category of consent of a measure. Questionnaires say theirs in their file, kinds of record where they stand."""

from functools import cache

from tracker.access.policy import Category
from tracker.records import measures
from tracker.records.kinds.questionnaire import category_of_instrument


@cache
def of_measure(code: str) -> Category:
    """
    Return the category of a measure: that of the questionnaire or of the kind of record which it comes of.

    :raises measures.UnknownMeasureError: if there is no such measure.
    """
    measure = measures.get(code)
    if measure.instrument:
        return category_of_instrument(measure.instrument)
    kind = measures.kind_of(code)
    assert kind is not None
    assert kind.category is not None
    return kind.category
