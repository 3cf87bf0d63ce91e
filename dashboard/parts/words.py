"""Words that a newcomer may not know, each explained once: the pages show them as tooltips."""

from __future__ import annotations

PROJECT = (
    "Which architecture search method, run on which small proxy set, finds a network that works on a large target set. "
    "After NASTransfer (Panda et al., AAAI 2021)."
)

TERMS = {
    "architecture search": "A program (the method) that looks for the structure of a network, here of its cells.",
    "arm": "One method searched on one source, with all its runs; random sampling is one too.",
    "augmentation": "The paper's word for training the network found from scratch on the target set.",
    "cell": "A small graph of operations that a network repeats; a genotype holds two, normal and reduction.",
    "claim": "A sentence of the paper that a study can support, contradict or leave open; the rules are fixed before.",
    "direct": "The search saw the target set itself, or a proxy drawn from it.",
    "feeds": "What a run is for: a table or figure, the comparison, or rank agreement.",
    "genotype": "An architecture written down: for both cells, which operations on which edges.",
    "headroom": "RI of the best random genotype drawn over the mean of all: in part luck, and no limit to a search.",
    "interval": "A 95% confidence interval: of many such intervals, 95% hold the true value.",
    "multiply-adds": "Multiplications with an addition that one image costs in the network: its size in arithmetic.",
    "n": "How many runs stand behind a number: searches with other seeds, or random genotypes.",
    "origin": "own: run here; linked: the same as another run; repeat: a further run of a task; published: printed.",
    "protocol": "The settings of the final training (epochs, batch, cells); tiny, small and short ones are shorter.",
    "proxy": "A small part of a set, drawn by a rule, that a search sees in place of the whole.",
    "published": "A number that a paper prints: without runs, so without an interval. It is always marked.",
    "random sampling": "Genotypes drawn at random from the same space and trained alike: the baseline of RI.",
    "rank agreement": "How well accuracies on a source order random genotypes as the target does (Kendall's tau).",
    "RI": "Relative improvement over random sampling: 100 (accuracy - random accuracy) / random accuracy, in percent.",
    "search": "One run of a method on a source, with one seed; its result is a genotype.",
    "source": "What was searched on: a data set or a proxy of one.",
    "target": "What the network found is trained and tested on.",
    "top-1": "Share of test images whose most likely class is right, in percent; after the last epoch if not said.",
    "tricks": "Drop path, an auxiliary head and cutout: what a final training may add against overfitting.",
    "transfer": "The search saw another set than the target.",
    "verdict": "recommended; alike (take the cheapest); no gain (over random); undecided (too few runs); worse.",
}


def explained(*terms: str) -> str:
    """A tooltip that explains these terms."""
    return "\n\n".join(f"**{term}**: {TERMS[term]}" for term in terms)
