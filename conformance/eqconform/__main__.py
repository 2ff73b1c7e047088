"""`python -m eqconform` is `eqconform`."""

from eqconform.cli import app

if __name__ == "__main__":
    app(prog_name="eqconform")
