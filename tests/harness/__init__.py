"""What the black-box suites share: sites to test, clients, workloads, faults."""
