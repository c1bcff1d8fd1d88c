"""A fit: options, the loop over epochs, threads, callbacks, history, progress, schedules, optimizers."""
