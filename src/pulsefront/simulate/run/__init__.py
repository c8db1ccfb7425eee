"""Work cut into shards, resumed after a kill, the same for any number of workers."""
