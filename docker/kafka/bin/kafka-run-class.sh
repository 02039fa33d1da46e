#!/usr/bin/env bash
# kafka-run-class.sh <class> [arguments], as in a Kafka distribution.
exec java ${KAFKA_TOOL_HEAP_OPTS:--Xmx256m} -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' "$@"
