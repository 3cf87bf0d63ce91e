"""Which images: data sets, manifests, proxies, batches."""
