"""What history derives and decides without I/O: transfers, words, selections, tombstones."""
