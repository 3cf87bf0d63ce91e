"""The numbers that papers print: what follows from them by arithmetic, and where they contradict each other."""
