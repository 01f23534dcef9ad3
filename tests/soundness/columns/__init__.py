"""Every column of every chip matters: honest rows, perturbed, and who refuses them."""
