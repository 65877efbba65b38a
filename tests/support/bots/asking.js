'use strict';
// Conducts the survey that follows a conversation: joins its dialog, asks, thanks for an answer, closes the dialog.
const {start, tell, text} = require('./bot');
const agent = start();
const surveys = {};
const ABOUT = {type: 'Survey', id: 'how-was-it', revision: '1', provider: 'External'};

const change = (conversationId, field, metadata, done) =>
    agent.updateConversationField({conversationId, conversationField: [field]}, null, metadata, done);

agent.on('connected', () => agent.subscribeExConversations({stage: ['OPEN']}, error => tell('subscribed', error)));

agent.on('cqm.ExConversationChangeNotification', body => body.changes.forEach(({type, result}) => {
    const dialog = result.conversationDetails.dialogs.find(one => one.dialogType === 'POST_SURVEY');
    if (!dialog) return;
    const dialogId = dialog.dialogId;
    if (type === 'DELETE') return tell('deleted', result.conversationDetails.stage);
    if (surveys[dialogId] || dialog.metaData.appInstallId !== process.env.BOT_APP) return;
    surveys[dialogId] = result.convId;
    tell('survey', {state: result.conversationDetails.state, stage: result.conversationDetails.stage});
    const consumer = result.conversationDetails.participants.find(one => one.role === 'CONSUMER').id;
    agent.getUserProfile(consumer, (error, profile) => tell('profile', Array.isArray(profile)));
    agent.subscribeMessagingEvents({dialogId});
    change(result.convId, {dialogId, field: 'ParticipantsChange', type: 'ADD', role: 'AGENT'}, undefined, error => {
        tell('joined', error ? error.body : 'yes');
        change(result.convId, {field: 'DialogChange', type: 'UPDATE', dialog: {dialogId}}, [ABOUT], failed => {
            tell('described', failed ? failed.body : 'yes');
            agent.publishEvent(text(dialogId, 'How was it?', result.convId), null, [{type: 'Question', id: '1'}]);
        });
    });
}));

agent.on('ms.MessagingEventNotification', body => body.changes.forEach(one => {
    if (!surveys[body.dialogId] || one.event.type !== 'ContentEvent' || one.originatorId === agent.agentId) return;
    tell('answer', {message: one.event.message, metadata: one.metadata, conversation: one.conversationId === surveys[body.dialogId]});
    agent.publishEvent({
        conversationId: one.conversationId, dialogId: body.dialogId,
        event: {type: 'AcceptStatusEvent', status: 'READ', sequenceList: [one.sequence]},
    });
    agent.publishEvent(text(body.dialogId, 'Thank you', one.conversationId), () => change(
        one.conversationId,
        {field: 'DialogChange', type: 'UPDATE', dialog: {dialogId: body.dialogId, state: 'CLOSE', closedBy: 'AGENT', closedCause: 'Completed'}},
        undefined, error => tell('finished', error ? error.body : 'yes')));
}));
