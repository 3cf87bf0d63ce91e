"""Tasks of a tenth of a second without torch, to try what a study is made of: plan, runner, notebooks, records.

The notebooks differ from the project's in what they show, and the final training is a stand-in: the genotype's digest
and the seed give its accuracy.
"""
