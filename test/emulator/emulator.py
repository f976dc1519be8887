"""MiniStack on a loopback port, with what it lacks for this project (`patches.py`), and IAM enforced on every call.

    python emulator.py --port 4566 [--stock]

Ends when its standard input does, so that nobody is left with the port when a test run is killed. State is in memory only. Whoever
signs with the access key `test` is the account's root; everybody else is checked, signature and policies.
"""

import argparse
import os
import sys
import tempfile
import threading


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--stock", action="store_true", help="without our patches: shows what they are for")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="tuneplane-emulator-") as scratch:
        # Read by MiniStack when it is imported.
        os.environ.update(
            BIND_HOST="127.0.0.1",
            GATEWAY_PORT=str(options.port),
            MINISTACK_HOST="localhost",
            AUTH="true",
            PERSIST_STATE="0",
            IOT_MTLS_ENABLED="0",
            SFTP_ENABLED="0",
            LOG_LEVEL=os.environ.get("LOG_LEVEL", "ERROR"),
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{options.port}",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            TMPDIR=scratch,
        )
        tempfile.tempdir = scratch
        threading.Thread(target=end_with_standard_input, daemon=True).start()

        if not options.stock:
            import patches

            patches.apply()
        from ministack import app

        sys.argv = sys.argv[:1]  # its own main reads them too
        app.main()


def end_with_standard_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), 15)


if __name__ == "__main__":
    main()
