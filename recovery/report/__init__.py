"""What a rehearsal leaves behind: plain records in, one verdict, one page and one JSON document out."""
