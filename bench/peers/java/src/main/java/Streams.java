import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** One stage on Kafka Streams. */
public final class Streams {
    public static void main(String[] args) throws IOException {
        var job = new Job(args, Map.of("threads", "1"));
        int threads = job.number("threads", 1);
        Path state = Files.createTempDirectory("streams-");
        var streams = new KafkaStreams(topology(job), settings(job, threads, state));
        streams.setUncaughtExceptionHandler(End::failed);
        End.closing(() -> {
            streams.close();
            // Empty: there is no store.
            Files.delete(state);
        });
        streams.start();
    }

    private static Topology topology(Job job) {
        var work = new Work(job, 0);
        var builder = new StreamsBuilder();
        builder.stream(job.input, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .mapValues(work::on)
            .to(job.output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        return builder.build();
    }

    private static Properties settings(Job job, int threads, Path state) {
        var settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, job.group);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.brokers);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, threads);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, state.toString());
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        if (job.exactlyOnce) {
            // It commits every 100 ms then, unless told otherwise.
            settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        }
        job.commitInterval.ifPresent(interval ->
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, interval.toMillis()));
        return settings;
    }
}
