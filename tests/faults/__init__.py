"""Faults of the disk, injected below Python: a preloaded layer fails the N-th call that writes below a folder."""
