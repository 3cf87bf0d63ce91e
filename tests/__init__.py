"""Tests, in folders that mirror the rooms; benchmarks; the campaign of slow tests."""
