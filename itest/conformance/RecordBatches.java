import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.ControlRecordType;
import org.apache.kafka.common.record.EndTransactionMarker;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecords.RecordFilter;
import org.apache.kafka.common.record.MemoryRecords.RecordFilter.BatchRetention;
import org.apache.kafka.common.record.MemoryRecords.RecordFilter.BatchRetentionResult;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.MutableRecordBatch;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.Utils;

/**
 * Kafka's own reading and writing of record batches, for the conformance test:
 *   write FILE     writes batches of every kind, one behind another, as producers, brokers and the log cleaner make them
 *   write-old FILE the same in the format from before Kafka 0.11
 *   describe FILE  prints what Kafka reads in FILE, a JSON object a batch and line
 *   hash FILE      prints hash and partition (of 12) of each key in FILE, a key in hex a line
 */
public final class RecordBatches {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();
    private static final long BASE_TIME = 1_790_000_000_000L;

    public static void main(String[] args) throws Exception {
        Path file = Path.of(args[1]);
        switch (args[0]) {
            case "write" -> Files.write(file, batches());
            case "write-old" -> {
                MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(512), RecordBatch.MAGIC_VALUE_V1,
                    Compression.NONE, TimestampType.CREATE_TIME, 0);
                builder.append(BASE_TIME, utf8("key"), utf8("value"));
                Files.write(file, Utils.toArray(builder.build().buffer()));
            }
            case "describe" -> describe(ByteBuffer.wrap(Files.readAllBytes(file)));
            case "hash" -> {
                for (String line : Files.readAllLines(file)) {
                    byte[] key = HEX.parseHex(line);
                    System.out.println(Utils.murmur2(key) + " " + BuiltInPartitioner.partitionForKey(key, 12));
                }
            }
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    // ---- writing ----

    private static byte[] batches() throws Exception {
        Compression[] compressions = {
            Compression.NONE,
            Compression.gzip().build(),
            Compression.gzip().level(9).build(),
            Compression.snappy().build(),
            Compression.lz4().build(),
            Compression.lz4().level(17).build(),
            Compression.zstd().build(),
            Compression.zstd().level(22).build(),
        };
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        long offset = 1L << 40;
        for (Compression compression : compressions) {
            MemoryRecords mixed = mixed(compression, TimestampType.CREATE_TIME, offset, RecordBatch.NO_PRODUCER_ID, false);
            append(out, mixed);
            append(out, mixed(compression, TimestampType.LOG_APPEND_TIME, offset + 1_000, RecordBatch.NO_PRODUCER_ID, false));
            append(out, mixed(compression, TimestampType.CREATE_TIME, offset + 2_000, 1L << 45, false));
            append(out, mixed(compression, TimestampType.CREATE_TIME, offset + 3_000, 4711, true));
            append(out, single(compression, offset + 4_000));
            append(out, compacted(mixed, true));
            append(out, compacted(mixed, false));
            offset += 10_000;
        }
        append(out, MemoryRecords.withEndTransactionMarker(offset, BASE_TIME, 9, 4711, (short) 3,
            new EndTransactionMarker(ControlRecordType.COMMIT, 12)));
        append(out, MemoryRecords.withEndTransactionMarker(offset + 1, BASE_TIME, 9, 4711, (short) 3,
            new EndTransactionMarker(ControlRecordType.ABORT, 12)));
        append(out, MemoryRecords.withLeaderChangeMessage(offset + 2, BASE_TIME, 9, ByteBuffer.allocate(512),
            new LeaderChangeMessage().setLeaderId(1)));
        return out.toByteArray();
    }

    private static void append(ByteArrayOutputStream out, MemoryRecords records) {
        out.writeBytes(Utils.toArray(records.buffer().duplicate()));
    }

    /** Records of every shape; of an idempotent producer where `producerId` is not -1. */
    private static MemoryRecords mixed(Compression compression, TimestampType type, long offset, long producerId, boolean isTransactional) {
        boolean hasProducer = producerId != RecordBatch.NO_PRODUCER_ID;
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 16), RecordBatch.CURRENT_MAGIC_VALUE,
            compression, type, offset, BASE_TIME + 77, producerId, (short) (hasProducer ? 32_000 : -1),
            hasProducer ? Integer.MAX_VALUE : -1, isTransactional, false, 5, 1 << 24);
        builder.append(BASE_TIME, utf8("key"), utf8("value"));
        builder.append(BASE_TIME - 86_400_000_000L, null, utf8("no key, long before"));
        builder.append(BASE_TIME + 10, utf8("tombstone"), null);
        builder.append(BASE_TIME + 9, (byte[]) null, null);
        builder.append(BASE_TIME + 8, new byte[0], new byte[0]);
        builder.append(BASE_TIME + 7, utf8("ключ 鍵 🔑"), utf8("значение 値 💎"));
        builder.append(BASE_TIME + 6, utf8("headers"), utf8("value"), new Header[] {
            new RecordHeader("trace", utf8("abc")), new RecordHeader("trace", utf8("twice")), new RecordHeader("null", (byte[]) null),
            new RecordHeader("", new byte[0]), new RecordHeader("größe", utf8("ü")),
        });
        builder.append(RecordBatch.NO_TIMESTAMP, utf8("no time"), utf8("value"));
        byte[] big = new byte[300_000];
        for (int index = 0; index < big.length; index++) big[index] = (byte) (index * index >>> 8);
        builder.append(BASE_TIME + 5, utf8("big"), big);
        for (int length = 0; length < 300; length++) {
            builder.append(BASE_TIME + length * 97L, utf8("k".repeat(length)), utf8("{\"length\":" + length + "}"));
        }
        for (int index = 0; index < 100; index++) {
            builder.append(BASE_TIME + 20, utf8("key " + index % 7), utf8("small " + index));
        }
        return builder.build();
    }

    private static MemoryRecords single(Compression compression, long offset) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(512), compression, TimestampType.CREATE_TIME, offset);
        builder.append(BASE_TIME, null, utf8("v"));
        return builder.build();
    }

    /** What the log cleaner leaves: of the records every third, and a delete horizon; or nothing but the header. */
    private static MemoryRecords compacted(MemoryRecords records, boolean keepSome) {
        RecordFilter filter = new RecordFilter(BASE_TIME + 1_000_000, 60_000) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return keepSome && record.offset() % 3 == 0;
            }
        };
        ByteBuffer destination = ByteBuffer.allocate(1 << 20);
        records.filterTo(filter, destination, BufferSupplier.NO_CACHING);
        destination.flip();
        return MemoryRecords.readableRecords(destination);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    // ---- reading ----

    private static void describe(ByteBuffer buffer) throws Exception {
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(buffer).batches()) {
            batch.ensureValid();
            ObjectNode line = JSON.createObjectNode();
            line.put("baseOffset", batch.baseOffset());
            line.put("lastOffset", batch.lastOffset());
            line.put("byteLength", batch.sizeInBytes());
            line.put("partitionLeaderEpoch", batch.partitionLeaderEpoch());
            line.put("compression", batch.compressionType().name);
            line.put("timestampType", batch.timestampType() == TimestampType.LOG_APPEND_TIME ? "append" : "create");
            line.put("isTransactional", batch.isTransactional());
            line.put("isControl", batch.isControlBatch());
            line.put("maxTimestamp", batch.maxTimestamp());
            line.put("producerId", batch.producerId());
            line.put("producerEpoch", batch.producerEpoch());
            line.put("baseSequence", batch.baseSequence());
            line.put("recordCount", batch.countOrNull());
            line.put("hasDeleteHorizon", batch.deleteHorizonMs().isPresent());
            ArrayNode records = line.putArray("records");
            for (Record record : batch) {
                record.ensureValid();
                if (batch.isControlBatch()) line.put("control", ControlRecordType.parse(record.key()).name());
                ObjectNode object = records.addObject();
                object.put("offset", record.offset());
                object.put("timestamp", record.timestamp());
                object.put("key", bytes(record.key()));
                object.put("value", bytes(record.value()));
                ArrayNode headers = object.putArray("headers");
                for (Header header : record.headers()) {
                    headers.addObject().put("key", header.key()).put("value", header.value() == null ? null : bytes(ByteBuffer.wrap(header.value())));
                }
            }
            System.out.println(JSON.writeValueAsString(line));
        }
    }

    /** Hex, or of long ones length and digest. */
    private static String bytes(ByteBuffer slice) throws Exception {
        if (slice == null) return null;
        byte[] content = Utils.toArray(slice);
        if (content.length <= 500) return HEX.formatHex(content);
        return content.length + " bytes, sha256 " + HEX.formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    }
}
