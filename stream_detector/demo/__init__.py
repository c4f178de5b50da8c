"""The demo: simulated traffic through the real worker, hook, broker and store, shown live and told afterwards."""
