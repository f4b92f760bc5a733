"""What nobody may meet who has no right to it: ids, names, texts and numbers, by whose they are and what they tell."""

from collections.abc import Mapping

from tests.access.actors import Actor, Scenario
from tests.access.resources import DOSES, Resource

# What of a resource tells what about its owner.
_TELLS: Mapping[str, tuple[str, ...]] = {
    "who": ("patient", "name", "waiting"),
    "account": ("email", "session", "message", "caregiver"),
    "ids": ("device", "user"),
    "PAIN": ("pain",),
    "MOOD": ("daily", "answers"),
    "MEDICATION": ("dose_id",),
    "JOURNAL": ("shared",),
    "private": ("page",),
    "VISITS": ("check_in",),
    "summary": ("summary",),
    "alert": ("alert",),
}
LOGGED = frozenset({"PAIN", "MOOD", "MEDICATION", "JOURNAL"})
# An event names its subject: a device, an alert, a check-in. Ids, and nothing about what they hold.
_OF_THE_ACCESS_LOG = {"ids", "account", "alert", "VISITS"}
_STAFF_WORDS = ("Hillsidevqz", "Finnvqz", "Call the Hillsidevqz line.")


def _words(whose: str, resource: Resource) -> dict[str, set[str]]:
    """Marks by what they tell."""
    told = {what: {resource[name] for name in names if name in resource} for what, names in _TELLS.items()}
    if "pain" in resource:
        told["MEDICATION"].add(f"{DOSES[whose]}")
        told["JOURNAL"].add(f"sharedvqz{whose}")
        told["private"].add(f"privatevqz{whose}")
        told["break_glass"] = {f"reasonvqz{whose}"}
    return told


def _may_know(actor: Actor, whose: str) -> set[str]:
    """What somebody may know of whose resources, by the rules and not by the code."""
    if actor.name == whose:
        return {*_TELLS, "break_glass"}
    if actor.half:
        return set()
    if whose in actor.waiting:
        return {"who"}
    # The privacy officer reads of whom break-glass was used, and why; and in the access log, what events are about.
    if actor.role == "PRIVACY_OFFICER" and whose != "gus":
        return _OF_THE_ACCESS_LOG | ({"who", "break_glass"} if whose == "ada" else set())
    tie = actor.ties.get(whose)
    if tie is None:
        return set()
    # The history of a record names who wrote it, on which phone.
    seen = {"who", "ids", *tie.shares}
    if tie.kind in {"TEAM", "BREAK_GLASS"}:
        seen.add("alert")
    # A week has a summary of each category that was logged in it; of visits nobody logs anything.
    if set(tie.shares) & LOGGED:
        seen.add("summary")
    return seen


def forbidden(scenario: Scenario, actor: Actor) -> list[str]:
    """Every mark that must not be in an answer to ``actor``."""
    found: set[str] = set()
    for whose, resource in scenario.resources.items():
        if whose != "missing" and whose not in scenario.staff:
            known = _may_know(actor, whose)
            found |= {
                word for what, words in _words(whose, resource).items() if what not in known for word in words
            }
        elif whose in scenario.staff and actor.name != whose and actor.role != "ADMINISTRATOR":
            found |= {resource["email"], resource["session"], resource["message"]}
    if actor.place == "here" or not actor.is_in:
        found |= set(_STAFF_WORDS)
    known_to_self = (
        set(scenario.resources[actor.name].values()) if actor.name in scenario.resources else set()
    )
    return sorted(found - known_to_self - {""})
