import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;

/** The work on one record, for any number of threads. Says on standard output how far it is. */
final class Work {
    private final Job job;
    private final int ms;
    private final ObjectReader reader;
    private final ObjectWriter writer;
    private final AtomicLong begun = new AtomicLong();
    private final AtomicLong done = new AtomicLong();

    /** That takes {@code ms} milliseconds longer. */
    Work(Job job, int ms) {
        this.job = job;
        this.ms = ms;
        var mapper = new ObjectMapper();
        reader = mapper.readerFor(Pizza.class);
        writer = mapper.writerFor(Pizza.class);
    }

    byte[] on(byte[] json) {
        if (begun.getAndIncrement() == job.warmUp) {
            say("first");
        }
        try {
            if (ms > 0) {
                Thread.sleep(ms);
            }
            Pizza pizza = reader.readValue(json);
            pizza.put(job.field, job.value);
            byte[] changed = writer.writeValueAsBytes(pizza);
            if (done.incrementAndGet() == job.records) {
                say("handled");
            }
            return changed;
        } catch (IOException | InterruptedException | RuntimeException error) {
            return End.failed(error);
        }
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
