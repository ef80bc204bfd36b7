"""One execution: claims ids, starts operations, decides done, failed or suspended."""
