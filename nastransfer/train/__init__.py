"""How weights are learnt and judged: protocols, the loop, augmentation."""
