import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelEoSStreamProcessor;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Slow work in the order of keys, on Confluent's Parallel Consumer. */
public final class Parallel {
    public static void main(String[] args) throws InterruptedException {
        var job = new Job(args, Map.of("work-ms", "0", "concurrency", "100"));
        var work = new Work(job, job.number("work-ms", 0));
        var processor = new ParallelEoSStreamProcessor<>(options(job, job.number("concurrency", 1)));
        processor.subscribe(List.of(job.input));
        processor.pollAndProduce(context -> {
            var record = context.getSingleConsumerRecord();
            return new ProducerRecord<>(job.output, null, record.timestamp(), record.key(), work.on(record.value()));
        });
        End.closing(processor);
        // It fails quietly, in a thread of its own.
        while (!processor.isClosedOrFailed()) {
            Thread.sleep(100);
        }
        if (processor.getFailureCause() != null) {
            End.failed(processor.getFailureCause());
        }
    }

    private static ParallelConsumerOptions<byte[], byte[]> options(Job job, int concurrency) {
        var options = ParallelConsumerOptions.<byte[], byte[]>builder()
            .consumer(consumer(job))
            .producer(producer(job))
            .ordering(ProcessingOrder.KEY)
            .maxConcurrency(concurrency)
            // Its own limit, at once: with the few it begins with, most workers wait for a record of their key.
            .messageBufferSize(100 * concurrency)
            // Otherwise each commit waits for the work in flight, and all work for the commit. Outputs are in the
            // transaction of their offsets either way.
            .allowEagerProcessingDuringTransactionCommit(job.exactlyOnce)
            .commitMode(job.exactlyOnce
                ? CommitMode.PERIODIC_TRANSACTIONAL_PRODUCER : CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS);
        // 100 ms in transactions, 5 s otherwise, unless told so.
        job.commitInterval.ifPresent(options::commitInterval);
        return options.build();
    }

    private static KafkaConsumer<byte[], byte[]> consumer(Job job) {
        var settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, job.brokers);
        settings.put(ConsumerConfig.GROUP_ID_CONFIG, job.group);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // The library commits.
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        if (job.exactlyOnce) {
            settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        }
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static KafkaProducer<byte[], byte[]> producer(Job job) {
        var settings = new Properties();
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, job.brokers);
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        // A key's next record waits for the acknowledgement of the one before.
        settings.put(ProducerConfig.LINGER_MS_CONFIG, 0);
        if (job.exactlyOnce) {
            settings.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, job.group);
        }
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }
}
