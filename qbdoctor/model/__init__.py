"""Holds the vocabulary of qbdoctor: frozen data that checks judge, the verdict folds and the reports print."""
