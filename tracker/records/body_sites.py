"""
The regions of the body map, each with its sides. Pure.

Our own list on plain anatomy, the same as the ``body-map`` questionnaire's. Left and right are the patient's own
sides, as seen from inside: to confuse them is the commonest mistake of body maps (Scherrer et al. 2021, Pain
Rep 6(1):e880), so a side is always said.
"""

PAIRED = (
    "head", "face", "jaw", "chest", "upper_back", "lower_back", "buttock", "shoulder", "upper_arm", "elbow",
    "forearm", "wrist", "hand", "hip", "thigh", "knee", "lower_leg", "ankle", "foot",
)  # fmt: skip
MIDDLE = ("neck", "abdomen", "pelvis_groin", "genital_perineal", "all_over")
SIDED = (
    *(f"{code}.{side}" for code in PAIRED for side in ("left", "right")),
    *(f"{code}.mid" for code in MIDDLE),
)
