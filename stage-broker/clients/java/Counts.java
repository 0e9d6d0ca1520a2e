import java.nio.file.Files;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;

/**
 * Kafka Streams, exactly once: counts words over a repartition and a changelog topic, one instance after
 * the other, with empty state directories, so that the store comes back from its changelog. Each word's counts must be
 * 1, 2, 3 … without a gap and without a repetition.
 */
public class Counts {
    static final int WORDS = 20, EACH = 300;
    static final String RUN = UUID.randomUUID().toString().substring(0, 8);
    static final String IN = "words-" + RUN, OUT = "counts-" + RUN;
    static String brokers;

    public static void main(String[] args) throws Exception {
        brokers = args[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
            admin.createTopics(List.of(new NewTopic(IN, 4, (short) 1), new NewTopic(OUT, 4, (short) 1))).all().get();
        }
        var seen = new TreeMap<String, List<Long>>();
        try (var consumer = new KafkaConsumer<>(settings(Map.of("group.id", OUT, "auto.offset.reset", "earliest",
                "isolation.level", "read_committed")), new StringDeserializer(), new LongDeserializer())) {
            consumer.subscribe(List.of(OUT));
            int half = WORDS * EACH / 2;
            for (int wanted : new int[] {half, 2 * half}) {
                write(wanted - half, wanted);
                try (var streams = new KafkaStreams(topology(), properties())) {
                    var failed = new LinkedBlockingQueue<Throwable>();
                    streams.setUncaughtExceptionHandler(error -> {
                        failed.add(error);
                        return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                    });
                    streams.start();
                    long until = System.currentTimeMillis() + 60_000;
                    while (count(seen) < wanted) {
                        check(failed.isEmpty(), "Kafka Streams failed: " + failed.peek());
                        check(System.currentTimeMillis() < until, count(seen) + " of " + wanted + " counts came");
                        consumer.poll(Duration.ofMillis(100)).forEach(record ->
                            seen.computeIfAbsent(record.key(), key -> new ArrayList<>()).add(record.value()));
                    }
                    check(streams.close(Duration.ofSeconds(20)), "Kafka Streams did not close");
                }
            }
            consumer.poll(Duration.ofMillis(500)).forEach(record -> seen.get(record.key()).add(record.value()));
        }
        check(seen.size() == WORDS, "words " + seen.size());
        for (var word : seen.entrySet()) {
            for (int i = 0; i < word.getValue().size(); i++) {
                check(word.getValue().get(i) == i + 1, word.getKey() + ": " + word.getValue());
            }
            check(word.getValue().size() == EACH, word.getKey() + " was counted " + word.getValue().size() + " times");
        }
    }

    static Topology topology() {
        var builder = new StreamsBuilder();
        builder.stream(IN, Consumed.with(Serdes.String(), Serdes.String()))
            .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts")))
            .toStream().to(OUT, Produced.with(Serdes.String(), Serdes.Long()));
        return builder.build();
    }

    static Properties properties() throws Exception {
        var properties = new Properties();
        properties.putAll(settings(Map.of("application.id", "counter-" + RUN, "processing.guarantee", "exactly_once_v2",
            "commit.interval.ms", 50, "statestore.cache.max.bytes", 0, "replication.factor", 1, "session.timeout.ms", 6000,
            "state.dir", Files.createTempDirectory("counts").toString())));
        properties.put("consumer.auto.offset.reset", "earliest");
        return properties;
    }

    static void write(int from, int to) {
        try (var producer = new KafkaProducer<>(settings(Map.of()), new StringSerializer(), new StringSerializer())) {
            for (int i = from; i < to; i++) producer.send(new ProducerRecord<>(IN, "line-" + i, "word-" + i % WORDS));
        }
    }

    static Map<String, Object> settings(Map<String, Object> more) {
        var settings = new HashMap<String, Object>(more);
        settings.put("bootstrap.servers", brokers);
        return settings;
    }

    static int count(Map<String, List<Long>> seen) {
        return seen.values().stream().mapToInt(List::size).sum();
    }

    static void check(boolean holds, String otherwise) {
        if (!holds) {
            System.err.println("Counts.java: " + otherwise);
            // Threads of Kafka Streams may still run.
            Runtime.getRuntime().halt(1);
        }
    }
}
