"""The checks: one module per claim, plain functions, each the test of one clause."""
