"""
Error codes: every code that the API gives, with its HTTP status, its sentence and what a client does about it. Pure.

One vocabulary for problems, for fields and parameters, and for the receipts of a push. ``docs/errors.md`` is this
table as a page.
"""

from dataclasses import dataclass

OWNER_MENDS = "Show the sentence beside the field; let the owner mend it."
APP_IS_WRONG = "A mistake in the app: report the code and the `request_id`."


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """
    One code: the HTTP status that it comes with, the sentence on the wire, what a client does.

    The code of a field or a record comes in ``errors`` of a 400, or in the receipt of a push, which is 200.
    """

    code: str
    status: int
    detail: str
    client: str


def _request(code: str, status: int, detail: str, client: str = APP_IS_WRONG) -> ErrorCode:
    return ErrorCode(code, status, detail, client)


def _field(code: str, detail: str, client: str = OWNER_MENDS) -> ErrorCode:
    return ErrorCode(code, 400, detail, client)


_AGAIN = (
    "Send the same again after `Retry-After`, or after a random part of a pause that doubles up to a minute."
)
_SIGN_IN = "Ask for a sign-in; keep what is not sent yet."
_START_AGAIN = "Forget the cursor and start without one."

# Of a request as a whole.
REQUEST = (
    _request("bad_request", 400, "The request cannot be read."),
    _request(
        "invalid",
        400,
        "Some fields or parameters cannot be taken.",
        "See `errors`: one entry per field or parameter.",
    ),
    _request(
        "unexpected_body",
        400,
        "A request of this method has no body.",
        "A mistake in the app: send entries by POST.",
    ),
    _request("bad_json", 400, "The body is not JSON."),
    _request("bad_utf8", 400, "The body is not UTF-8."),
    _request("bad_gzip", 400, "The body is not one whole gzip stream."),
    _request("duplicate_key", 400, "An object has the same key twice."),
    _request("number_not_finite", 400, "A number is not finite."),
    _request("number_too_long", 400, "A number has too many digits."),
    _request("too_deep", 400, "The body is nested too deep."),
    _request("not_an_object", 400, "The body is not an object."),
    _request("bad_passkey", 400, "The passkey's response cannot be read.", "Ask for the passkey once more."),
    _request("invalid_cursor", 400, "Not a cursor of this list and this reader.", _START_AGAIN),
    _request("not_signed_in", 401, "Sign in and send X-Session-Token.", _SIGN_IN),
    _request(
        "session_ended",
        401,
        "The session belongs to another device and has been ended.",
        "Ask for a sign-in; keep what is not sent yet. It comes of an `X-Device` that is not the paired id, also of one"
        " that is no UUID.",
    ),
    _request("not_allowed", 403, "Your role may not use this route.", "Do not offer the route to this role."),
    _request(
        "second_factor_required",
        403,
        "Second factor required.",
        "Ask for the second factor, then repeat the request.",
    ),
    _request(
        "second_factor_unreadable",
        403,
        "The second factor cannot be read. Ask those who invited you to reset it.",
        "Show the sentence; another factor, such as a passkey, still works.",
    ),
    _request(
        "reauthentication_required",
        403,
        "Re-authentication required.",
        "Ask for the password or passkey, then repeat the request.",
    ),
    _request(
        "use_older_device",
        403,
        "A phone shows the record to nobody more, changes no contact, sets up no second factor and takes no other"
        " role, within a day of its sign-in, while an older one is there.",
        "Ask the person to use the older phone, or to try again a day after the sign-in. It does not come on"
        " a patient's first day.",
    ),
    _request(
        "device_not_paired",
        403,
        "Pair this phone (POST /api/v1/devices) and send X-Device.",
        "Pair, then repeat the request.",
    ),
    _request("device_header_required", 403, "The session is bound to a phone: send its id in X-Device."),
    _request(
        "not_shared_by_clinic", 403, "Your clinic does not share summaries in the app.", "Hide summaries."
    ),
    _request(
        "invitation_refused",
        403,
        "No open invitation fits. Ask your clinic for another code.",
        "Show the sentence; let the person try again.",
    ),
    _request(
        "email_change_refused",
        403,
        "No open change of the address fits. Ask for another code.",
        "Show the sentence; let the person ask for another code.",
    ),
    _request("not_found", 404, "Not found.", "Forget the id: there is no such thing, or not for the caller."),
    _request("method_not_allowed", 405, "This route does not take this method."),
    _request("not_acceptable", 406, "This route answers in JSON."),
    _request(
        "incomplete_body",
        408,
        "The body did not come whole in time. Nothing was stored; try again.",
        "Send the same records again under the same key; where it happens often, fewer at a time.",
    ),
    _request(
        "headers_too_long",
        431,
        "The headers are too long. Nothing was stored.",
        "A mistake in the app or on the way: send fewer headers, then the same records again.",
    ),
    _request(
        "alert_changed",
        409,
        "An answer of this alert has been changed since it was shown: look at it again, then acknowledge it.",
        "Show `server`, let the person look again, then send its `answers` and its `version` as `base_version`.",
    ),
    _request(
        "already_paired",
        409,
        "The session is bound to another device.",
        "Sign in anew on this phone, then pair.",
    ),
    _request(
        "device_retired",
        409,
        "The device was retired: pair it under a new id.",
        "Make a new device id, then pair, and put it in `device` of what is not sent yet.",
    ),
    _request(
        "device_in_use",
        409,
        "Another sign-in lives on the device, and one on another phone: end it, or pair under a new id.",
        "Sign out before a new sign-in; or make a new device id, then pair, and put it in `device` of what is not sent"
        " yet.",
    ),
    _request(
        "already_planned",
        409,
        "The patient has another check-in that overlaps with this one.",
        "Show the check-ins; let the person choose another time.",
    ),
    _request(
        "clinician_busy",
        409,
        "Whoever plans this check-in has another one, with somebody else, that overlaps with it.",
        "Let the person choose another time.",
    ),
    _request(
        "consents_changed",
        409,
        "More would be shared than now, and what is shared has changed since `base_version`, or none was sent.",
        "Show `server`, let the person decide again, then send its `version` as `base_version`.",
    ),
    _request(
        "consent_text_outdated",
        409,
        "There is a newer consent text: read it first.",
        "Read the consents again, show the new text, then ask again.",
    ),
    _request(
        "last_second_factor",
        409,
        "This is the only second factor. Add another one first.",
        "Show the sentence.",
    ),
    _request(
        "too_many_invitations",
        409,
        "There are as many invitations, or caregivers, as there can be within a day.",
        "Show the sentence; let the person end an invitation, or try again tomorrow.",
    ),
    _request(
        "wording_not_available",
        409,
        "Your clinic holds no permission for the wording of this instrument.",
        "Do not offer this instrument.",
    ),
    _request(
        "idempotency_key_reused",
        409,
        "The key was used before, with other records.",
        "Send the records under a new key.",
    ),
    _request(
        "epoch_changed",
        410,
        "The server was restored from a backup: pull again without a cursor, and push what was sent lately.",
        "Forget the cursor, pull everything, push what is missing.",
    ),
    _request(
        "precondition_failed",
        412,
        "Another version is held than If-Match names.",
        "Show `server`; to insist, send it with the ETag of `server`.",
    ),
    _request(
        "app_too_old",
        426,
        "This version of the app is too old.",
        "Ask for an update; keep writing: entries, pairing and what is shared are still taken.",
    ),
    _request(
        "profile_changed",
        412,
        "The profile is at another version than If-Match names.",
        "Read `/me` again, let the person decide, then send its `version`.",
    ),
    _request("too_large", 413, "The body is too large.", "Send fewer records at a time."),
    _request("not_json", 415, "Send application/json in UTF-8."),
    _request("unknown_encoding", 415, "Send the body as it is, or with Content-Encoding: gzip."),
    _request(
        "too_many_tries",
        429,
        "Too many tries. Wait, then try again.",
        "Wait for `Retry-After`, then let the person try again.",
    ),
    _request(
        "too_many_requests",
        429,
        "Too many requests. Wait, then send the same again.",
        "Send the same again after `Retry-After`; nothing of it was stored.",
    ),
    _request("internal_error", 500, "Internal error. Nothing was stored.", _AGAIN),
    _request("service_unavailable", 503, "Service unavailable. Nothing was stored; try again.", _AGAIN),
)

# Of a field, a query parameter or a header, on any route.
FIELD = (
    _field("missing_field", "This field is required.", APP_IS_WRONG),
    _field("unknown_field", "This field is not known here.", APP_IS_WRONG),
    _field("wrong_type", "The value has the wrong type.", APP_IS_WRONG),
    _field(
        "bad_text", "The text holds NUL or half a character.", "Remove the character, then send it again."
    ),
    _field("bad_format", "The value does not have the required format."),
    _field("not_offered", "The value is not one of those offered."),
    _field("unknown_measure", "This measure is not known here.", "Read the measures again."),
    _field("out_of_range", "The value is out of range."),
    _field("too_long", "The text is too long."),
    _field("too_short", "There is too little of it."),
    _field("too_many", "There are too many of them."),
    _field("too_weak", "At least 12 characters, and not a common password."),
    _field("duplicate", "It is there twice."),
    _field("empty", "At least one value is required."),
    _field("mismatch", "The id in the body is not the one in the path.", APP_IS_WRONG),
    _field("in_the_past", "The instant has passed."),
    _field("not_a_day", "Not a day such as 1980-12-31.", APP_IS_WRONG),
    _field("not_a_time", "Not a local time such as 20:30.", APP_IS_WRONG),
    _field(
        "not_a_uuid", "Not a UUID with hyphens, such as 0196f0a1-0000-7000-8000-000000000001.", APP_IS_WRONG
    ),
    _field(
        "not_an_instant",
        "Not an RFC 3339 instant with an offset, such as 2026-03-02T08:15:00+01:00.",
        APP_IS_WRONG,
    ),
    _field("instant_out_of_range", "The year is not from 1970 to 2199."),
    _field("unknown_time_zone", "Not an IANA time zone such as Europe/Amsterdam.", APP_IS_WRONG),
    _field(
        "not_this_device",
        "X-Device names another device.",
        "Of a batch that was made under a former id: put the new id in `device`, keep key and records, send it again."
        " Else a mistake in the app.",
    ),
)

# Of a field of a record.
RECORD = (
    _field(
        "not_by_caregiver",
        "The patient alone writes this kind of record: answers to a questionnaire, the journal, plans.",
        "Ask the patient; offer only the `writable_kinds` of `GET /me`.",
    ),
    _field(
        "not_the_sender",
        "A caregiver's reading is the caregiver's: `source.who` is `caregiver`, or left out.",
        APP_IS_WRONG,
    ),
    _field("unknown_kind", "This kind of record is not known here.", "Keep the record; update the app."),
    _field("data_missing", "Data is required, unless the record is removed.", APP_IS_WRONG),
    _field("invalid_side", "This body region does not have this side."),
    _field("least_above_worst", "The least pain is above the worst."),
    _field("dose_without_unit", "A dose has both value and unit."),
    _field("skipped_with_dose", "A skipped dose has no dose value."),
    _field("invalid_sleep_interval", "Getting up is not within 24 hours after lights out."),
    _field("duration_without_effect", "A duration is given for an effect that is not named."),
    _field("incomplete_blood_pressure", "A blood pressure has both values."),
    _field("systolic_not_above_diastolic", "Systolic is not above diastolic."),
    _field("two_units", "A value comes in one unit, not in two.", APP_IS_WRONG),
    _field(
        "unknown_instrument",
        "No version of this instrument is known here.",
        "Read the instruments again; keep the answers.",
    ),
    _field("unknown_item", "The instrument has no such item.", "Read the instrument again."),
    _field("off_step", "The value is between two steps."),
    _field("answered_elsewhere", "The item is answered by a record of its own.", APP_IS_WRONG),
)

# Of a record as a whole: in a receipt, or by a single-record route.
RECEIPT = (
    _field("kind_mismatch", "Another kind of record has this id.", APP_IS_WRONG),
    _field(
        "storage_full",
        "The storage of this account is full: keep the entry and tell the clinic.",
        "Keep the record; show the sentence.",
    ),
    _field(
        "too_many_versions",
        "This entry was changed a thousand times: write a new one.",
        "Keep the record; show the sentence. It can still be removed.",
    ),
    _field(
        "cannot_be_stored",
        "The record cannot be stored.",
        "Keep the record; report the code and the `request_id`.",
    ),
    ErrorCode(
        "newer_version_held",
        409,
        "Another version is held.",
        "Keep one's own as a copy, show both; to insist, send `server.revision + 1`.",
    ),
    ErrorCode(
        "written_by_another",
        409,
        "This version is somebody else's: a caregiver changes what they wrote themselves.",
        "Show `server`; ask the patient to change it.",
    ),
    ErrorCode(
        "missing_base_revision",
        409,
        "The version before it has not arrived.",
        "Send it again with the version before it, under a new key.",
    ),
    ErrorCode("merged", 200, "Two edits were merged.", "Hold `server`: it is the result."),
)

_SHOW_SESSION = "Read the session again and show it; the event is not stored."
# Of an event of a treatment session, in `results`.
SESSION = (
    _field("unit_not_for_route", "Not of a dose by this route."),
    _field("dose_without_strength", "Sprays, and they alone, have a strength per spray."),
    _field("incomplete_rate", "A rate has a number and a unit; what is stopped has none."),
    _field("answers_or_total", "The project's own check has five answers, the CADSS its total."),
    _field("reason_missing", "Say why, in `text`."),
    _field("ends_before_start", "It ends before it began."),
    _field(
        "far_from_session",
        "The time is days away from that of the session: mend it, or plan the session anew.",
    ),
    _field("unknown_staff_member", "There is no such member of staff."),
    _field("unknown_event", "The session has no such event.", _SHOW_SESSION),
    _field(
        "event_already_replaced", "Somebody has corrected or retracted this event already.", _SHOW_SESSION
    ),
    _field("id_reused", "This id is another one's.", APP_IS_WRONG),
    _field("infusion_runs", "An infusion is running: stop it first.", _SHOW_SESSION),
    _field("no_infusion", "No infusion is running.", _SHOW_SESSION),
    _field("session_overlaps", "The patient has another session then."),
    _field("session_in_progress", "Another session of the patient is in progress: close it first."),
    _field("session_already_closed", "Somebody has closed the session already.", _SHOW_SESSION),
    _field("session_not_closed", "The session is not closed.", _SHOW_SESSION),
    _field("session_not_planned", "The session has begun already, or is closed.", _SHOW_SESSION),
    _field("session_without_dose", "No dose was given: cancel the session instead.", _SHOW_SESSION),
    _field("session_dosed", "A dose was given: close the session, or cancel it as entered in error."),
    _field(
        "session_in_error",
        "The session was cancelled as entered in error: open it again first.",
        _SHOW_SESSION,
    ),
    _field("session_staff_only", "Only staff enter this of the session."),
    _field("session_full", "The session has as many events as are taken: close it."),
    ErrorCode(
        "discharge_not_ready",
        409,
        "The patient is not ready to leave by the clinic's rules; `missing` says why.",
        "Show what is missing. Who leaves all the same leaves `against_advice`.",
    ),
)

# What comes in `errors`, with a pointer or the name of a parameter.
FIELD_CODES = frozenset(each.code for each in (*FIELD, *RECORD, *SESSION))
CODES = {each.code: each for each in (*REQUEST, *FIELD, *RECORD, *RECEIPT, *SESSION)}
