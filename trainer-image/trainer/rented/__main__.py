"""`python -m trainer.rented`: what a rented machine runs. Standard library only.

A provider takes the end of this process for a crash and starts it again, for money. So it never ends: it runs the supervisor once, and
then waits for the plane to end the machine. Started again all the same (the machine broke and came back), it finds the attempt claimed,
and waits.

    TUNEPLANE_DEADLINE   seconds since 1970. At this time the attempt is ended, whatever the plane says or does not say, with a final
                         checkpoint, and the machine asks its provider for its own end, where the provider lets it

What the supervisor prints goes where the container's output goes.
"""

import os
import signal
import subprocess
import sys
import time
from types import FrameType

from trainer.rented.own_end import ask_for_own_end

LAST_CHECKPOINT_SECONDS = 1_900.0
"""The supervisor bounds its own stop at half an hour."""
TURN_SECONDS = 0.5
AGAIN_SECONDS = 600.0


class Machine:
    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Never returns."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)
        name = os.environ.get("TUNEPLANE_RUN_ID", "attempt")
        self._child = subprocess.Popen([sys.executable, "-m", "trainer.supervisor", f"{name}-{os.environ.get('TUNEPLANE_ATTEMPT', '')}"])
        code = self._wait()
        print(f"rented: the supervisor ended with {code}; waiting for the plane to end this machine", flush=True)
        while True:
            if time.time() > self._deadline:
                print(f"rented: the deadline is over: {ask_for_own_end(os.environ)}", flush=True)
                time.sleep(AGAIN_SECONDS)
            time.sleep(TURN_SECONDS)

    def _wait(self) -> int:
        assert self._child
        kill_at: float | None = None
        while (code := self._child.poll()) is None:
            now = time.time()
            if kill_at is not None and now > kill_at:
                self._child.kill()
            elif kill_at is None and now > self._deadline:
                print("rented: the deadline is over: the attempt is asked for its last checkpoint", flush=True)
                self._child.terminate()
                kill_at = now + LAST_CHECKPOINT_SECONDS
            self._reap()
            time.sleep(TURN_SECONDS)
        return code

    def _reap(self) -> None:
        """The first process of a container inherits everybody's orphans; the supervisor's own end is waited for elsewhere."""
        while os.getpid() == 1:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or (self._child and ended.si_pid == self._child.pid):
                return
            os.waitpid(ended.si_pid, 0)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        """The machine is told to go: the supervisor saves what it can. A container that is stopped ends with its first process."""
        if self._child and self._child.poll() is None:
            self._child.send_signal(number)
        else:
            sys.exit(0)


def main() -> None:
    try:
        deadline = float(os.environ.get("TUNEPLANE_DEADLINE", ""))
    except ValueError:
        deadline = time.time() + 14 * 86_400
        print("rented: TUNEPLANE_DEADLINE is no time: two weeks from now", file=sys.stderr)
    Machine(deadline).run()


if __name__ == "__main__":
    main()
