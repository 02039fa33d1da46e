/** `millrace/kafka`: sources, sinks and serdes for Kafka. */

export type { Deserializer, KeySerde, Serde, Serializer } from './serde/serde.ts'
export { bytes, json, nullable, string } from './serde/serdes.ts'
export { kafkaSink } from './sink/kafka-sink.ts'
export type { KafkaSinkOptions } from './sink/kafka-sink-options.ts'
export { kafkaSource } from './source/kafka-source.ts'
export type { KafkaSourceOptions, OnMalformed } from './source/kafka-source-options.ts'
