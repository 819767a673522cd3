"""The harness of the book: it finds claims by their files, runs, stores, judges and shows them, and knows none of them.

A claim is a file CHAPTER/NUMBER_words.py with `SIZES`, `CRITERION`, `judged(lab) -> Finding` and, where the claim could be false of
something, `control(lab)`. CONTRIBUTING.md says how one is written.
"""
