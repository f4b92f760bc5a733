"""
The codes that several kinds share, and the regions of the body map. Pure. Stored rows use them: none is renamed.

The regions are our own list on plain anatomy, the same as the ``body-map`` questionnaire's. Left and right are the
patient's own sides, as seen from inside: to confuse them is the commonest mistake of body maps (Scherrer et al. 2021,
Pain Rep 6(1):e880), so a side is always said.
"""

PRACTICES = (
    "mindfulness_meditation", "breathing_exercise", "gentle_movement_or_yoga", "physical_therapy_exercises",
    "walking_or_aerobic", "strength", "stretching", "journaling", "therapy_or_integration_session",
    "support_group", "time_in_nature", "creative_activity", "sleep_routine", "pacing_plan", "social_contact",
    "other",
)  # fmt: skip
PAIRED = (
    "head", "face", "jaw", "chest", "upper_back", "lower_back", "buttock", "shoulder", "upper_arm", "elbow",
    "forearm", "wrist", "hand", "hip", "thigh", "knee", "lower_leg", "ankle", "foot",
)  # fmt: skip
MIDDLE = ("neck", "abdomen", "pelvis_groin", "genital_perineal", "all_over")
SIDED = (
    *(f"{code}.{side}" for code in PAIRED for side in ("left", "right")),
    *(f"{code}.mid" for code in MIDDLE),
)
# Of the side-effect checklist (``side-effects`` in the catalogue).
EFFECTS = (
    "dissociation", "dizziness", "nausea", "sedation_or_sleepiness", "spinning_vertigo", "numbness", "anxiety",
    "lethargy", "raised_blood_pressure", "vomiting", "feeling_drunk", "headache", "blurred_vision",
    "unpleasant_or_frightening_experience", "hallucination", "palpitations", "chest_pain",
    "shortness_of_breath", "confusion", "urinary_urgency_or_pain", "blood_in_urine", "abdominal_pain",
    "craving_or_wish_to_use_more", "low_mood_rebound", "suicidal_thoughts", "hallucination_persisting_24h",
)  # fmt: skip
