"""The artifact store behind one URL: blobs by digest, append-only records, compare-and-swap pointers."""
