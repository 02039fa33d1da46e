/** `millrace/kafka`: sources, sinks and serdes for Kafka. */

export type { Deserializer, KeySerde, Serde, Serializer } from './serde/serde.ts'
export { bytes, json, nullable, string } from './serde/serdes.ts'
export { type KafkaSinkOptions, kafkaSink } from './sink/kafka-sink.ts'
export { type KafkaSourceOptions, kafkaSource, type OnMalformed } from './source/kafka-source.ts'
