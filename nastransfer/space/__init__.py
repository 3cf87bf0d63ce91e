"""Which architectures: genotypes, their cost, networks, shared weights."""
