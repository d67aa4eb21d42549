-- What a consumer of partitions keeps beside its inbox: where it reads on, and of each event its position in the feed, so
-- that it knows up to where nothing is missing (libs/events/kafka_consumer.h).
ALTER TABLE inbox ADD COLUMN n BIGINT NOT NULL DEFAULT 0;
CREATE INDEX inbox_position ON inbox (consumer, n);
CREATE TABLE consumer_offsets (
  consumer TEXT NOT NULL,
  topic TEXT NOT NULL,
  part BIGINT NOT NULL,
  next_offset BIGINT NOT NULL,
  PRIMARY KEY (consumer, topic, part)
);
