"""Prints a gigabyte when it is imported, leaves a child that holds the pipe, and exits."""

import os
import subprocess
import sys

for _ in range(1000):
    os.write(2, 10**6 * b"x")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
os.write(2, b"\ntoo much said\n")
os._exit(9)
