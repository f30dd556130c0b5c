"""Attacks that must fail: each row of a review, on decoys."""
