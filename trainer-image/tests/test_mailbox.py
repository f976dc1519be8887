"""The door of a machine that cannot reach the plane."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_mailbox import FakeMailbox
from supervised_run import RUN, SupervisedRun, wait_until
from trainer.supervision.admission import Refused, find_door
from trainer.supervision.mailbox import MailboxDoor

TOKEN = "bootstrap-canary"
ATTEMPT = f"{RUN}-0001"
CLAIM, OTHER = f"claim_{'a' * 32}", f"claim_{'b' * 32}"


def content(**changes: Any) -> dict[str, Any]:
    return {"folder": "/folder", "environment": {"HF_TOKEN": "hf_of_the_run"}, "storage": None, **changes}


def storage(key: str) -> dict[str, Any]:
    return {
        "access_key_id": key,
        "secret_access_key": "s",
        "session_token": "t",
        "expires_at": "2030-01-01T00:00:00Z",
        "region": "r",
        "endpoint": None,
    }


@pytest.fixture
def mailbox() -> Iterator[FakeMailbox]:
    fake = FakeMailbox(TOKEN, ATTEMPT)
    yield fake
    fake.close()


@pytest.fixture
def door(mailbox: FakeMailbox) -> MailboxDoor:
    return MailboxDoor(mailbox.links, TOKEN, ATTEMPT, "label-1")


def test_a_claim_is_put_once_and_its_answer_opened(mailbox: FakeMailbox, door: MailboxDoor) -> None:
    with pytest.raises(OSError, match="has not answered the claim yet"):
        door.claim(CLAIM)
    claim = mailbox.claim()
    mailbox.answer(content())

    admission = door.claim(CLAIM)

    assert claim and (claim["claimId"], claim["machine"]) == (CLAIM, "label-1")
    assert (admission.folder, admission.environment, admission.storage) == ("/folder", {"HF_TOKEN": "hf_of_the_run"}, None)
    assert mailbox.puts == 1
    assert TOKEN.encode() not in mailbox.objects["/claim"]


def test_a_claim_whose_receipt_was_lost_is_still_ours(mailbox: FakeMailbox, door: MailboxDoor) -> None:
    mailbox.lose_claims = 1
    with pytest.raises(OSError):
        door.claim(CLAIM)
    mailbox.answer(content())

    assert door.claim(CLAIM).folder == "/folder"


def test_where_another_machine_has_claimed_it_is_refused(mailbox: FakeMailbox, door: MailboxDoor) -> None:
    first = MailboxDoor(mailbox.links, TOKEN, ATTEMPT, "label-2")
    for late in (first, door):
        with pytest.raises(OSError):
            late.claim(OTHER if late is first else CLAIM)
    mailbox.answer(content())

    with pytest.raises(Refused, match="another machine"):
        door.claim(CLAIM)
    assert first.claim(OTHER).folder == "/folder"


def test_what_is_sealed_for_another_key_opens_for_nobody(mailbox: FakeMailbox, door: MailboxDoor) -> None:
    with pytest.raises(OSError):
        door.claim(CLAIM)
    another = MailboxDoor(mailbox.links, TOKEN, ATTEMPT, None)
    claim = mailbox.claim()
    assert claim
    mailbox.objects.pop("/claim")
    with pytest.raises(OSError):
        another.claim(CLAIM)
    mailbox.answer(content(), claim={**(mailbox.claim() or {}), "claimId": CLAIM})

    with pytest.raises(Refused, match="sealed for another machine"):
        door.claim(CLAIM)


def test_a_renewal_is_a_new_answer_and_may_lie_under_a_new_link(mailbox: FakeMailbox, door: MailboxDoor) -> None:
    with pytest.raises(OSError):
        door.claim(CLAIM)
    mailbox.answer(content(storage=storage("first"), answer=mailbox.link("later")))
    assert (door.claim(CLAIM).storage or {})["accessKeyId"] == "first"

    with pytest.raises(OSError, match="fresh credentials yet"):
        door.renew()
    mailbox.answer(content(storage=storage("second"), answer=mailbox.link("later")), "later")

    assert (door.renew() or {})["accessKeyId"] == "second"


@pytest.mark.parametrize("answer", [b"", b"{", b"[]", b"{}", b'{"claimId": 5}'])
def test_an_answer_that_is_none_is_asked_for_again(mailbox: FakeMailbox, door: MailboxDoor, answer: bytes) -> None:
    mailbox.objects["/answer"] = answer

    with pytest.raises((OSError, Refused)):
        door.claim(CLAIM)


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"claim": {"url": "u"}, "answer": {}}'])
def test_links_that_are_none_are_told(text: str) -> None:
    told = {"TUNEPLANE_MAILBOX": text or " ", "TUNEPLANE_BOOTSTRAP_TOKEN": "t", "TUNEPLANE_RUN_ID": "run", "TUNEPLANE_ATTEMPT": "1"}

    with pytest.raises(ValueError, match="TUNEPLANE_MAILBOX must be a JSON object of two links"):
        find_door(told)


def test_a_supervisor_comes_to_its_attempt_through_the_store_alone(tmp_path: Path, mailbox: FakeMailbox) -> None:
    run = SupervisedRun(tmp_path)
    seen = tmp_path / "seen.json"
    spy = f"import json, os; open({str(seen)!r}, 'w').write(json.dumps(dict(os.environ)))"
    engine = ["sh", "-c", f'python3 -c "{spy}"; exec python3 {Path(__file__).parents[2]}/test/scripted-engine/engine.py']
    run.start(
        TUNEPLANE_RUN_FOLDER="",
        TUNEPLANE_MAILBOX=json.dumps(mailbox.links),
        TUNEPLANE_BOOTSTRAP_TOKEN=TOKEN,
        TUNEPLANE_ENGINE=json.dumps(engine),
    )
    wait_until(mailbox.claim)

    mailbox.answer(content(folder=str(run.folder)))
    assert run.process
    run.process.communicate(timeout=60)

    assert run.manifest()["outcome"] == "completed"
    environment = json.loads(seen.read_text())
    assert environment["HF_TOKEN"] == "hf_of_the_run"
    assert not [name for name, value in environment.items() if TOKEN in value or "mailbox" in name.lower()]
