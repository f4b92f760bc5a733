"""
A small app on the generated Python clients: it signs in, pairs, pushes, pulls and reads each record as its own class.

Run by ``test_python_client`` beside the two packages: on stdin the address, who, and records; on stdout what it read.
"""

import json
import sys
from typing import Any
from uuid import UUID, uuid4

import accounts
import accounts.models
import interlude
import interlude.models
from accounts.api.authentication_account import auth_login_post
from accounts.api.authentication_current_session import auth_session_get
from interlude.api.devices import devices_pair
from interlude.api.instruments import instruments_read
from interlude.api.me import consents_read, me
from interlude.api.records import records_amend
from interlude.api.sync import sync_pull, sync_push


def told(answer: Any, kind: type) -> Any:
    """What an answer holds, which is of this class."""
    assert isinstance(answer, kind), answer
    return answer


def main(url: str, email: str, password: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    device = uuid4()
    anonymous = accounts.Client(base_url=url)
    login = accounts.models.Login.from_dict({"email": email, "password": password})
    signed_in = told(
        auth_login_post.sync(client=anonymous, body=login, x_device=str(device)),
        accounts.models.AuthenticatedResponse,
    )
    token = signed_in.meta.session_token
    account = accounts.AuthenticatedClient(url, token, prefix="", auth_header_name="X-Session-Token")
    client = interlude.AuthenticatedClient(url, token, prefix="", auth_header_name="X-Session-Token")
    paired = devices_pair.sync(client=client, body=interlude.models.DeviceRequest(id=device, label="test"))
    told(paired, interlude.models.Device)
    session = told(
        auth_session_get.sync(client=account, x_device=str(device)), accounts.models.AuthenticatedResponse
    )
    body = interlude.models.PushRequest.from_dict(
        {"key": "generated", "device": str(device), "records": records}
    )
    receipt = told(
        sync_push.sync(client=client, body=body, x_device=str(device)), interlude.models.PushReceipt
    )
    page = told(sync_pull.sync(client=client, x_device=str(device)), interlude.models.PullPage)
    first = page.records[0]
    conflict = records_amend.sync(
        first.id, client=client, body=body.records[0], x_device=str(device), if_match='"9"'
    )
    form = told(
        instruments_read.sync("phq-9", "1999", client=client, x_device=str(device)),
        interlude.models.Instrument,
    )
    shared = told(consents_read.sync(client=client, x_device=str(device)), interlude.models.Consents)
    return {
        "methods": [method.method for method in session.data.methods],
        "role": told(me.sync(client=client, x_device=str(device)), interlude.models.Me).role,
        "sent": {record.kind: type(record).__name__ for record in body.records},
        "statuses": sorted({result.status for result in receipt.results}),
        "read": {record.kind: type(record).__name__ for record in page.records},
        "data": {record.kind: type(record.data).__name__ for record in page.records},
        "ids": sorted(str(told(record.id, UUID)) for record in page.records),
        "conflict": type(conflict).__name__,
        "items": [item.link_id for item in form.items],
        "consent": shared.text.title,
    }


if __name__ == "__main__":
    print(json.dumps(main(**json.load(sys.stdin))))
