"""The words in which consent is asked, as data: what is published here never changes, it is followed by another."""

from typing import Any

from tracker.lib import codes

REDISCLOSURE = (
    "What you share about medication is specially protected. Your care team may use it to treat you. They may not "
    "pass it on to anybody else unless you agree to that in writing, or the law demands it."
)

TEXTS: dict[int, dict[str, Any]] = {
    1: {
        "language": "en",
        "title": "What your care team may see",
        "intro": (
            "You decide what your care team sees, one kind of entry at a time. Saying no to something does not "
            "change your care, and you can change your mind at any time: it counts from their next look. What you "
            "write stays in your own app whatever you choose."
        ),
        "always": (
            "One thing always reaches your team: if an answer says that you may harm yourself, they are told that "
            "there is such an answer and to which question, so that somebody can be with you. They are not told "
            "anything else that you do not share."
        ),
        "emergency": (
            "In an emergency a clinician of your clinic who is not on your team can open your record for up to one "
            "hour, and has to say why. You are told each time. Journal pages that you have not shared stay closed."
        ),
        "categories": {
            "pain": {"label": "Pain", "says": "Pain entries and questionnaires about pain."},
            "mood": {
                "label": "Mood and daily life",
                "says": (
                    "The daily log with its pain, mood and sleep of the day, practices, sleep, and questionnaires "
                    "about mood, anxiety, daily life and wellbeing."
                ),
            },
            "medication": {
                "label": "Medication",
                "says": "What you took or left out, your doses, and side effects.",
                "redisclosure": REDISCLOSURE,
            },
            "journal": {
                "label": "Journal",
                "says": "Only the pages that you share one by one. A page that you do not share stays yours alone.",
            },
            "visits": {
                "label": "Visits",
                "says": "Check-ins that are planned with you, and those that have been.",
            },
            "treatment": {
                "label": "Treatment",
                "says": "Treatment sessions, how they were given, and what was measured during them.",
            },
        },
    }
}


def label(category: str) -> str:
    """Return what the newest text calls a category."""
    words: str = TEXTS[max(TEXTS)]["categories"][codes.to_wire(category)]["label"]
    return words
