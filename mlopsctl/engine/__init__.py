"""How a stage behaves, wherever it runs: results, attempts, contracts of data, gates, environments, servers."""
