"""The command line for people: what an operator does and asks, under their own IAM permissions."""

import sys
from pathlib import Path

# The Lambdas' folder is the root of their own imports, in AWS as here.
sys.path.append(str(Path(__file__).resolve().parents[1] / "lambdas"))
