"""The last resort of a machine whose plane is silent for ever: it asks its provider to end it, with the key that the provider put there.

Vast.ai gives each container a key that starts, stops and destroys this instance and nothing else, and documents the request. RunPod's key
for its own pod works with an API that ends in 2027, and Lambda Cloud gives none: there the plane's sweep, or a person, ends the machine.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

ADDRESS = "https://console.vast.ai/api/v0/instances"
ANSWER_SECONDS = 30.0


def ask_for_own_end(environment: Mapping[str, str], address: str = ADDRESS) -> str:
    """A sentence for the log; never the key."""
    number, key = environment.get("CONTAINER_ID", ""), environment.get("CONTAINER_API_KEY", "")
    if not number.isdigit() or not key:
        return "this provider gives a machine no way to end itself"
    request = urllib.request.Request(f"{address}/{number}/", headers={"authorization": f"Bearer {key}"}, method="DELETE")
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            answer = json.loads(response.read(1 << 16))
    except urllib.error.HTTPError as error:
        return f"the provider answered {error.code} to the request for this machine's end"
    except (OSError, ValueError) as error:
        return f"the provider did not answer the request for this machine's end: {type(error).__name__}"
    return "this machine's end was asked for" if answer.get("success") is True else "the provider refused this machine's end"
