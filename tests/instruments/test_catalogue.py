"""The catalogue's files: all there, each readable, each number with its source, no wording that may not ship."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tracker.instruments import catalogue, parsing, scoring
from tracker.instruments import measures as instrument_measures
from tracker.instruments.definition import InstrumentDefinition
from tracker.records import measures

FORMS = list(catalogue.all())
CODES = {
    "phq-9", "phq-2", "gad-7", "gad-2", "pain-nrs", "peg", "pgic", "pcl-5", "promis-29", "promis-global-10", "who-5",
    "whodas-2-12", "c-ssrs-screener", "isi", "gcps-r", "dvprs", "cadss", "cadss-6", "session-dissociation-5",
    "side-effects", "daily-log", "body-map", "esm-moment", "esm-morning", "esm-evening", "scl-90-r-esm",
}  # fmt: skip
NOT_SHIPPED = {
    "promis-29", "promis-global-10", "who-5", "whodas-2-12", "c-ssrs-screener", "isi", "gcps-r", "dvprs", "cadss",
    "cadss-6", "scl-90-r-esm",
}  # fmt: skip


def test_the_catalogue_holds_what_the_product_promises():
    assert {form.code for form in FORMS} == CODES


def test_wording_ships_only_where_the_terms_allow_it():
    assert {form.code for form in FORMS if not form.terms.wording_may_ship} == NOT_SHIPPED
    for form in FORMS:
        has_text = {bool(item.text) for item in form.items if not item.recorded_as}
        assert has_text == {form.terms.wording_may_ship}
        assert form.terms.wording_may_ship or form.stem is None


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_file_is_named_after_what_it_holds(form):
    paths = [path for path in catalogue.files() if path.name.startswith(f"{form.code}.")]

    assert parsing.read(paths[0].read_text(encoding="utf-8")).code == form.code


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_no_source_is_named_for_nothing_and_none_is_a_mirror(form):
    cited = set(_cited(form.document))

    assert cited <= set(form.sources)
    for source in form.sources.values():
        assert not re.search(r"https?://|www\.", source.cite)


def test_general_knowledge_says_so_wherever_it_is_used():
    for form in FORMS:
        for name, source in form.sources.items():
            if name == "general":
                assert source.cite == "general knowledge, to be confirmed by a clinician"
                assert source.grade == "general"


def _cited(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("src", "bands_src", "reliable_by_standard_error"):
                yield from value
            else:
                yield from _cited(value)
    elif isinstance(part, list):
        for one in part:
            yield from _cited(one)


# The codes that a source confirms; anything else in a file would be invented.
LOINC = {
    "phq-9": (
        "44249-1",
        "44261-6",
        "44250-9 44255-8 44259-0 44254-1 44251-7 44258-2 44252-5 44253-3 44260-8 69722-7",
    ),
    "phq-2": (None, "55758-7", "44250-9 44255-8"),
    "gad-7": ("69737-5", "70274-6", "69725-0 68509-9 69733-4 69734-2 69735-9 69689-8 69736-7"),
    "gad-2": (None, None, "69725-0 68509-9"),
    "peg": ("91148-7", "91147-9", "75893-8 91145-3 91146-1"),
    "pain-nrs": (None, None, "72514-3"),
    "c-ssrs-screener": ("93373-9", None, "93246-7 93247-5 93248-3 93249-1 93250-9 93267-3 93269-9"),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_no_loinc_code_is_invented(form):
    panel, total, items = LOINC.get(form.code, (None, None, ""))

    assert (form.codes.panel, form.codes.total) == (panel, total)
    assert [item.loinc for item in form.items if item.loinc] == items.split()


def test_the_scores_of_promis_and_c_ssrs_have_their_loinc_codes():
    codes = {name: code for form in FORMS for name, code in form.codes.scores.items()}

    assert codes == {
        "promis-29.physical_function": "71959-1",
        "promis-29.anxiety": "71967-4",
        "promis-29.depression": "71965-8",
        "promis-29.fatigue": "71963-3",
        "promis-29.sleep_disturbance": "71955-9",
        "promis-29.social_roles": "71957-5",
        "promis-29.pain_interference": "71961-7",
        "promis-global-10.gmh": "71969-0",
        "promis-global-10.gph": "71971-6",
        "c-ssrs-screener": "93374-7",
    }


def test_answers_to_phq_9_and_gad_7_are_the_four_published_ones():
    """A copy of GAD-7 with 'Over half the days' is about (Zorowitz 2021)."""
    for code in ("phq-9", "phq-2", "gad-7", "gad-2"):
        options = catalogue.latest(code).option_sets["frequency"]
        assert [(o.value, (o.label or {})["en"], o.loinc) for o in options] == [
            (0, "Not at all", "LA6568-5"),
            (1, "Several days", "LA6569-3"),
            (2, "More than half the days", "LA6570-1"),
            (3, "Nearly every day", "LA6571-9"),
        ]


def test_every_t_table_rises():
    for form in FORMS:
        for rule in form.scoring.scores:
            if rule.table:
                assert list(rule.table.t) == sorted(rule.table.t)


@pytest.mark.parametrize("name", ["PHQ-9", "phq-9", "Phq-9@1999", " phq-9@1999 "])
def test_an_instrument_is_found_by_any_way_of_writing_it(name):
    assert catalogue.find(name) is catalogue.get("phq-9", "1999") is catalogue.latest("phq-9")


@pytest.mark.parametrize("name", ["", "phq", "phq-9@2000", "@1999", "phq-9@"])
def test_what_is_not_there_is_not_found(name):
    with pytest.raises(catalogue.UnknownInstrumentError):
        catalogue.find(name)


def test_a_clinics_own_folder_adds_its_questionnaires(tmp_path, monkeypatch):
    own = (catalogue.FOLDER / "pgic.7-point.yaml").read_text(encoding="utf-8").replace("pgic", "own-change")
    (tmp_path / "own-change.yaml").write_text(own, encoding="utf-8")
    monkeypatch.setattr(catalogue, "_also", [])

    catalogue.also_from(tmp_path)
    try:
        assert catalogue.latest("own-change").items[0].link_id == "own-change"
        assert len(catalogue.all()) == len(FORMS) + 1
    finally:
        monkeypatch.undo()
        catalogue.clear_cache()


def test_a_bad_file_stops_the_start_with_its_name_and_line(tmp_path, monkeypatch):
    (tmp_path / "own.yaml").write_text("id: own\n", encoding="utf-8")
    monkeypatch.setattr(catalogue, "_also", [tmp_path])
    catalogue.clear_cache()

    try:
        with pytest.raises(ValueError, match=r"own\.yaml: line 1: cadence: is missing"):
            catalogue.all()
    finally:
        monkeypatch.undo()
        catalogue.clear_cache()


# code: unit, low, high, direction, family, form
DIARY = {
    "pain.intensity": ("", 0, 10, "higher_worse", "pain", False),
    "pain.worst": ("", 0, 10, "higher_worse", "pain", False),
    "pain.least": ("", 0, 10, "higher_worse", "pain", False),
    "pain.interference": ("", 0, 10, "higher_worse", "function", False),
    "daily.pain_avg": ("", 0, 10, "higher_worse", "pain", False),
    "daily.pain_worst": ("", 0, 10, "higher_worse", "pain", False),
    "daily.mood": ("", 0, 10, "higher_better", "mood", False),
    "daily.anxiety": ("", 0, 10, "higher_worse", "anxiety", False),
    "daily.function": ("", 0, 10, "higher_better", "function", False),
    "daily.sleep_hours": ("h", 0, 24, "neutral", "sleep", False),
    "daily.sleep_quality": ("", 0, 10, "higher_better", "sleep", False),
    "journal.mood": ("", 0, 10, "higher_better", "mood", False),
    "esm.mood_down": ("", -3, 3, "higher_worse", "mood", False),
    "esm.mood_cheerf": ("", 1, 7, "higher_better", "mood", False),
    "esm.mood_anxious": ("", -3, 3, "higher_worse", "anxiety", False),
    "esm.mood_relaxed": ("", 1, 7, "higher_better", "mood", False),
    "esm.phy_pain": ("", 1, 7, "higher_worse", "pain", False),
    "esm.phy_tired": ("", 1, 7, "higher_worse", "function", False),
    "esm.mor_qualsleep": ("", 1, 7, "higher_better", "sleep", False),
    "scl-90-r-esm": ("", 1, 5, "higher_worse", "mood", True),
    "phq-9": ("", 0, 27, "higher_worse", "mood", True),
    "who-5": ("%", 0, 100, "higher_better", "wellbeing", True),
    "promis-29.pain_interference": ("T", 41.6, 75.6, "higher_worse", "pain", True),
    "dose.venlafaxine": ("mg", 0, 1e6, "neutral", "medication", False),
}


@pytest.mark.parametrize(("code", "facts"), DIARY.items())
def test_a_measure_is_named_once_with_its_scale(code, facts):
    measure = measures.get(code)

    assert (
        measure.unit, measure.low, measure.high, measure.direction, measure.family, measure.is_questionnaire
    ) == facts  # fmt: skip


def test_change_rules_of_the_main_scores():
    """Talking Therapies (reliable change 6 and 4), Bischoff 2020 (5 points of PHQ-9), Dworkin 2008 (2 points)."""
    assert (measures.get("phq-9").mcid, measures.get("phq-9").reliable_change) == (5, 6)
    assert (measures.get("gad-7").mcid, measures.get("gad-7").reliable_change) == (4, 4)
    assert (measures.get("pain.intensity").mcid, measures.get("pain.intensity").mcid_percent) == (2, 30)


def test_a_percentage_of_change_is_never_taken_of_a_t_score_or_an_arbitrary_zero():
    """True zeros only: pain ratings, PEG, PHQ-9, GAD-7, PCL-5, doses."""
    for code, measure in measures.all().items():
        if measure.unit == "T" or code.startswith(("esm.", "who-5", "scl-90-r", "pgic")):
            assert not measure.has_true_zero
    assert all(
        measures.get(code).has_true_zero
        for code in ("phq-9", "gad-7", "pcl-5", "peg", "pain.intensity", "dose.x")
    )


@pytest.mark.parametrize("taken", ["pain.intensity", "daily.mood"])
def test_an_own_questionnaire_cannot_take_the_name_of_another_measure(tmp_path, monkeypatch, taken):
    own = (catalogue.FOLDER / "dvprs.2.0.yaml").read_text(encoding="utf-8")
    own = (
        own.replace("id: dvprs", "id: own")
        .replace("code: dvprs.pain", f"code: {taken}")
        .replace("dvprs.", "own.")
    )
    (tmp_path / "own.yaml").write_text(own, encoding="utf-8")
    monkeypatch.setattr(catalogue, "_also", [tmp_path])
    catalogue.clear_cache()
    instrument_measures.all.cache_clear()
    measures.all.cache_clear()

    try:
        with pytest.raises(ValueError, match=f"own names its measure {taken}, which is taken"):
            measures.all()
    finally:
        monkeypatch.undo()
        catalogue.clear_cache()
        instrument_measures.all.cache_clear()
        measures.all.cache_clear()


@pytest.mark.parametrize("code", ["", "mood", "dose.", "phq-9.item9"])
def test_an_unknown_measure_is_refused(code):
    with pytest.raises(measures.UnknownMeasureError):
        measures.get(code)
    assert measures.find(code) is None


def test_a_measure_knows_the_band_of_a_number():
    assert [measures.get("pain.intensity").band(value) for value in (0, 3, 3.5, 4, 10)] == [
        "none", "mild", "mild", "moderate", "severe",
    ]  # fmt: skip
    assert measures.get("daily.mood").band(3) is None


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_number_that_a_form_yields_is_a_registered_measure(form: InstrumentDefinition):
    names = {rule.name for rule in form.scoring.scores if rule.range} | {
        item.measure.code for item in form.items if item.measure
    }

    assert names <= set(measures.all())


GUIDE = (Path(__file__).parents[2] / "docs" / "instruments.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_guide_lists_every_version_with_its_terms(form):
    (row,) = [
        line
        for line in GUIDE.splitlines()
        if f"`{form.code}@{form.version}`" in line and line.startswith("|")
    ]

    _, title, _, terms, ships, *_ = [cell.strip() for cell in row.split("|")]
    assert (title, terms) == (form.title["en"], form.terms.status.replace("_", " "))
    assert (ships == "yes") == form.terms.wording_may_ship


def test_the_guides_own_questionnaire_is_a_good_one():
    form = parsing.read(GUIDE.split("```yaml\n")[1].split("```")[0])

    result = scoring.score(form, {"tense": 2, "calm": 0, "harm": 1})
    assert (result.scores[0].value, result.scores[0].band) == (4, "tense")
    assert [finding.rule for finding in result.safety_findings] == ["calm_check_harm"]
