"""Tests on real data; each is skipped where its set is not on this machine."""
