"""The engine: plans a run, judges its cases in workers that may die, and records the outcomes."""
