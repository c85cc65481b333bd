"""`torchrun … -m tests.dying …`: as `shared.train`, but the second process is killed once the first checkpoint is there."""

import os
import signal
import sys
import threading
import time

from shared import train


def die(folder):
    while not list(folder.glob("step_*.pt")):
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    wanted = train.arguments_of(sys.argv[1:]).folder
    if os.environ["RANK"] == "1":
        threading.Thread(target=die, args=[wanted], daemon=True).start()
    sys.exit(train.main())
