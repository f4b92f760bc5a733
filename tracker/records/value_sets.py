"""The codes that a record may use, in our own plain words. Pure; stored rows use them, so none is ever renamed."""

QUALITIES = (
    "aching", "burning", "cold", "cramping", "electric", "heavy", "itching", "numb", "pressing", "sharp",
    "shooting", "stabbing", "tender", "throbbing", "tingling", "other",
)  # fmt: skip
TRIGGERS = (
    "eating", "lifting", "lying", "movement", "nothing_known", "sitting", "standing", "stress", "poor_sleep",
    "touch", "weather", "menstruation", "other",
)  # fmt: skip
RELIEFS = (
    "breathing", "cold", "company", "distraction", "heat", "massage", "medication", "movement", "nothing",
    "rest", "other",
)  # fmt: skip
PRACTICES = (
    "mindfulness_meditation", "breathing_exercise", "gentle_movement_or_yoga", "physical_therapy_exercises",
    "walking_or_aerobic", "strength", "stretching", "journaling", "therapy_or_integration_session",
    "support_group", "time_in_nature", "creative_activity", "sleep_routine", "pacing_plan", "social_contact",
    "other",
)  # fmt: skip
EFFECTS = (
    "dissociation", "dizziness", "nausea", "sedation_or_sleepiness", "spinning_vertigo", "numbness", "anxiety",
    "lethargy", "raised_blood_pressure", "vomiting", "feeling_drunk", "headache", "blurred_vision",
    "unpleasant_or_frightening_experience", "hallucination", "palpitations", "chest_pain",
    "shortness_of_breath", "confusion", "urinary_urgency_or_pain", "blood_in_urine", "abdominal_pain",
    "craving_or_wish_to_use_more", "low_mood_rebound", "suicidal_thoughts",
)  # fmt: skip


def said(code: str) -> str:
    """Return a code as people read it: ``walking_or_aerobic`` is "walking or aerobic"."""
    return code.replace("_", " ")
